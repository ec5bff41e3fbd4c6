import { expect, test } from "@jest/globals";
import { findRedisFault } from "../../src/throttling/redis-fault.js";

// The errors of servers that the other tests do not start.
test.each([
  ["ERR invalid password", /^refuses the user or the password/],
  [
    "All sentinels are unreachable. Retrying from scratch after 50ms. Last error: NOAUTH Authentication required.",
    /^needs a password/,
  ],
  [
    "ERR unknown command `SENTINEL`, with args beginning with: `get-master-addr-by-name`",
    /^is not a Sentinel/,
  ],
  ["ERR unknown command SENTINEL", /^is not a Sentinel/],
  ["ERR unknown command 'EVALSHA'", /^does not know a command/],
  [
    "ERR Error running script (call to f_1): @user_script:5: Write commands not allowed after non deterministic commands.",
    /^is too old/,
  ],
  ["error:0A0000C6:SSL routines:tls_get_more_records:packet length too long", /^does not use TLS/],
  ["unable to verify the first certificate", /^has a certificate that is not trusted/],
  ["Hostname/IP does not match: localhost is not in the cert's altnames: DNS:redis", /^has a cert/],
])("OP-8: the error of Redis %j means wrong settings", (message, fault) => {
  expect(findRedisFault([undefined, new Error(message)])).toMatch(fault);
});

test.each([
  "READONLY You can't write against a read only replica.",
  "LOADING Redis is loading the dataset in memory",
  "connect ECONNREFUSED 127.0.0.1:6379",
  "Connection is closed.",
])("OP-8: the error of Redis %j does not mean wrong settings", (message) => {
  expect(findRedisFault([new Error(message), null])).toBeUndefined();
});
