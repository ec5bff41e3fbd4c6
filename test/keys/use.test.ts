import { generateKeyPairSync, randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { Sealer } from "../../src/keys/sealing.js";
import { deriveKey } from "../../src/keys/secret-key.js";
import { Gate } from "../support/gate.js";

test.each([{ use: "enc" }, { alg: "ES384" }])(
  "JW-2: a key whose JWK says %j is left out when the keys are loaded, and the others stay",
  async (members) => {
    const secretKey = randomBytes(32).toString("base64url");
    const gate = await Gate.open({ secretKey });
    try {
      await gate.user("ada");
      const { authorization } = await gate.login("ada");
      const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
        format: "jwk",
      });
      const text = JSON.stringify({ ...jwk, ...members });
      const sealed = new Sealer([deriveKey(secretKey, "key-sealing")]).seal(text, "wrong");
      await gate.sql(
        `INSERT INTO signing_key (kid, algorithm, sealed_key, created_at, activates_at) VALUES ('wrong', 'ES256', ?, 0, 0)`,
        [sealed],
      );
      await gate.core.keys.reload();
      expect(gate.core.keys.ring.find("wrong")).toBeUndefined();
      expect(gate.auth.jwks().keys).toHaveLength(1);
      expect((await gate.me(authorization)).status).toBe(200);
    } finally {
      await gate.close();
    }
  },
);
