import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";

/** Adds the option `--password-stdin`, which is required if standard input is not a terminal. */
export function addPasswordOption(command: Command): Command {
  return command
    .option(
      "--password-stdin",
      "read the password from standard input: one line; on a terminal, ask for it twice",
    )
    .hook("preAction", () => {
      if (process.stdin.isTTY || command.opts()["passwordStdin"] === true) return;
      command.error("There is no terminal to ask for the password. Pass --password-stdin.");
    });
}

/**
 * Returns a new password. On a terminal, asks the user for it twice. Otherwise reads one line of standard input.
 * @throws Error when the two answers differ, when the user cancels, or when the input has several lines or is not UTF-8
 */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) return readLine();
  const password = await askHidden("Password: ");
  if ((await askHidden("Password again: ")) === password) return password;
  throw new Error("The passwords differ. Nothing was changed.");
}

async function readLine(): Promise<string> {
  const bytes = await buffer(process.stdin);
  const line = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const password = line.replace(/\r?\n$/, "");
  if (/[\r\n]/.test(password)) throw new Error("The password on standard input must be one line.");
  return password;
}

async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const cancelled = new AbortController();
  // Ctrl-C and Ctrl-D close the interface, which cancels the question.
  terminal.once("close", () => {
    cancelled.abort();
  });
  process.stderr.write(question);
  try {
    return await terminal.question("", { signal: cancelled.signal });
  } catch (cause) {
    throw new Error("No password was given. Nothing was changed.", { cause });
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
