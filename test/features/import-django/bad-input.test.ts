import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createDatabase, describePostgres } from "../../support/databases.js";
import { freshFolder } from "../../support/fresh.js";
import { setUpGate } from "../../support/gate.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase, SOURCES } from "./django-database.js";
