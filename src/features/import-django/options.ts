import type { CommandOption } from "../command-option.js";

export const IMPORT_OPTIONS: readonly CommandOption[] = [
  {
    name: "from",
    value: "url",
    description: "Django's database: sqlite:PATH, postgresql://… or mysql://…; it is only read",
    isRequired: true,
  },
  { name: "dry-run", description: "write nothing, but print the same report" },
  { name: "json", description: "print the report as JSON" },
  { name: "user-table", value: "name", description: "the table of users (default: auth_user)" },
  { name: "profile-table", value: "name", description: "a table with a role for each user_id" },
  {
    name: "role-column",
    value: "name",
    description: "the column of the profile table with the role (default: role)",
  },
  {
    name: "admin-value",
    value: "value",
    description: "the role in the profile table that makes an administrator (default: admin)",
  },
];

export const EXPORT_OPTIONS: readonly CommandOption[] = [
  { name: "users", description: "print the users with their password hashes" },
  { name: "sessions", description: "print the sessions, without anything to log in with" },
  {
    name: "format",
    value: "format",
    description: "json, or django for a fixture that manage.py loaddata reads",
    choices: ["json", "django"],
    default: "json",
  },
];
