import { execFile } from "node:child_process";
import { statfsSync } from "node:fs";
import { chmod, mkdtemp, open, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "@jest/globals";

const run = promisify(execFile);

/** `describe` if this user may mount a disk; otherwise it skips the tests and says why. */
export const describeRoot = process.getuid?.() === 0 ? describe : describe.skip;

if (describeRoot === describe.skip) {
  describe.skip("a full disk: only root can mount one", () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

/** A disk in memory that a test fills up. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param size in MiB */
  static async mount(size: number): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), "gate-disk-"));
    await run("mount", ["-t", "tmpfs", "-o", `size=${size}m`, "tmpfs", folder]);
    await chmod(folder, 0o777);
    return new SmallDisk(folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Fills the space that is left. */
  async fill(): Promise<void> {
    const file = await open(this.path("filler"), "a");
    try {
      for (;;) await file.write(Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      await file.close();
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  async free(): Promise<void> {
    await rm(this.path("filler"));
  }

  async unmount(): Promise<void> {
    await run("umount", ["-l", this.folder]);
    await rmdir(this.folder);
  }
}
