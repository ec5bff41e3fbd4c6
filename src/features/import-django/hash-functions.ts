import { pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";
import { verifyPhc } from "../../accounts/password-hasher.js";

const derive = promisify(pbkdf2);

type ScryptParameters = Readonly<Record<"N" | "r" | "p", number>>;

/** The hash functions of Django's formats. They are the properties of an object, so that tests can replace them. */
export const hashFunctions = {
  pbkdf2: (digest: "sha256" | "sha1", password: string, salt: string, iterations: number) =>
    derive(password, salt, iterations, digest === "sha256" ? 32 : 20, digest),

  scrypt: (password: string, salt: string, { N, r, p }: ScryptParameters) =>
    new Promise<Buffer>((resolve, reject) => {
      const maxmem = 256 * r * (N + p);
      scrypt(password, salt, 64, { N, r, p, maxmem }, (error, key) => {
        if (error === null) resolve(key);
        else reject(error);
      });
    }),

  bcrypt: (password: string, crypt: string) => verifyBcrypt(password, crypt),

  argon2: (password: string, phc: string) => verifyPhc(phc, password),
};
