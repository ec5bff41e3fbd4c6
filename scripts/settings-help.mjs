// Writes the sentences of the settings to the file that `gatehouse serve --help` reads. A part of the build.
import { writeFile } from "node:fs/promises";
import { readSentences } from "./settings-sentences.mjs";

const sentences = JSON.stringify(await readSentences(), null, 2);
await writeFile(new URL("../dist/settings-help.json", import.meta.url), `${sentences}\n`);
