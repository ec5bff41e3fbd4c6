// Part of the build: writes the sentences of the settings to a file, which `gatehouse serve --help` reads.
import { writeFile } from "node:fs/promises";
import { readSentences } from "./settings-sentences.mjs";

const sentences = JSON.stringify(await readSentences(), null, 2);
await writeFile(new URL("../dist/settings-help.json", import.meta.url), `${sentences}\n`);
