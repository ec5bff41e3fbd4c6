import { expect, test } from "@jest/globals";
import { withoutQuotedLists } from "../../src/http/headers.js";

test.each([
  [`text/html;x="a,b";y="c"`, `text/html;x="-";y="c"`],
  [`text/html;x="a;b", */*`, `text/html;x="-", */*`],
  [`*/*;x="`, `*/*;x="-"`],
  [`*/*;x="ab,c;d`, `*/*;x="-"`],
  [`application/json;charset="utf-8"`, `application/json;charset="utf-8"`],
  [`*/*;x="";y="a"`, `*/*;x="";y="a"`],
  ["application/json, */*;q=0.1", "application/json, */*;q=0.1"],
])(
  "GQ-15: of the quoted texts of an Accept header, Apollo Server gets only those without a separator: %s",
  (accept, simple) => {
    expect(withoutQuotedLists(accept)).toBe(simple);
  },
);
