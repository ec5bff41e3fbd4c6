// The messages about wrong requests that clients may see, from graphql-js 16, graphql-scalars 1, Apollo Server 5 and
// Gatehouse. They may show names, such as those of fields and types. They must not show values of the request, such as
// literals, keys of input objects, and values of variables.

/**
 * Messages that clients get unchanged, because they contain no value of the request. Braces mark a part that varies:
 * `{number}` stands for any number.
 */
export const WHOLE = [
  // Messages of graphql-js, language/lexer and language/parser
  "Syntax Error: Unexpected single quote character ('), did you mean to use a double quote (\")?",
  "Syntax Error: Unterminated string.",
  "Syntax Error: Unexpected description, descriptions are not supported on shorthand queries.",
  "Syntax Error: Unexpected description, only GraphQL definitions support descriptions.",
  'Syntax Error: Unexpected variable "${name}" in constant value.',
  "Syntax Error: Document contains more than {number} comments. Parsing aborted.",
  "Syntax Error: Document contains more that {number} tokens. Parsing aborted.",
  "Syntax Error: Source contains more than {number} UTF-16 code units. Parsing aborted.",

  // Messages of graphql-js, validation
  "The schema definition is not executable.",
  'The "{name}" definition is not executable.',
  'Cannot query field "{name}" on type "{name}".{suggestion}',
  'Field "{name}" must not have a selection since type "{type}" has no subfields.',
  'Field "{name}" of type "{type}" must have a selection of subfields.',
  'Field "{name}" of type "{type}" must have a selection of subfields. Did you mean "{name} { ... }"?',
  'Field "{name}" of type "{type}" must have at least one field selected.',
  'Fields "{name}" conflict because {conflict}. Use different aliases on the fields to fetch both if this was intentional.',
  'Unknown argument "{name}" on field "{name}.{name}".{suggestion}',
  'Unknown argument "{name}" on directive "@{name}".{suggestion}',
  'There can be only one argument named "{name}".',
  'Field "{name}" argument "{name}" of type "{type}" is required, but it was not provided.',
  'Directive "@{name}" argument "{name}" of type "{type}" is required, but it was not provided.',
  'Unknown directive "@{name}".',
  'Directive "@{name}" may not be used on {name}.',
  'The directive "@{name}" can only be used once at this location.',
  'Unknown type "{name}".{suggestion}',
  'Unknown fragment "{name}".',
  'There can be only one fragment named "{name}".',
  'Fragment "{name}" is never used.',
  'Fragment cannot condition on non composite type "{name}".',
  'Fragment "{name}" cannot condition on non composite type "{name}".',
  'Fragment cannot be spread here as objects of type "{type}" can never be of type "{type}".',
  'Fragment "{name}" cannot be spread here as objects of type "{type}" can never be of type "{type}".',
  'Cannot spread fragment "{name}" within itself.',
  'Cannot spread fragment "{name}" within itself via {names}.',
  "This anonymous operation must be the only defined operation.",
  'There can be only one operation named "{name}".',
  'Subscription "{name}" must select only one top level field.',
  "Anonymous Subscription must select only one top level field.",
  'Subscription "{name}" must not select an introspection top level field.',
  "Anonymous Subscription must not select an introspection top level field.",
  'There can be only one variable named "${name}".',
  'Variable "${name}" is not defined.',
  'Variable "${name}" is not defined by operation "{name}".',
  'Variable "${name}" is never used.',
  'Variable "${name}" is never used in operation "{name}".',
  'Variable "${name}" cannot be non-input type "{type}".',
  'Variable "${name}" of type "{type}" used in position expecting type "{type}".',
  'Variable "${name}" is of type "{type}" but must be non-nullable to be used for OneOf Input Object "{name}".',
  'Field "{name}.{name}" of required type "{type}" was not provided.',
  'OneOf Input Object "{name}" must specify exactly one key.',
  "Maximum introspection depth exceeded",
  "Validation aborted.",
  "Too many validation errors, error limit reached. Validation aborted.",

  // Messages of graphql-js, execution
  "Must provide an operation.",
  "Must provide operation name if query contains multiple operations.",
  "Schema is not configured to execute {name} operation.",
  'Variable "${name}" expected value of type "{type}" which cannot be used as an input type.',
  'Variable "${name}" of required type "{type}" was not provided.',
  'Variable "${name}" of non-null type "{type}" must not be null.',
  "Too many errors processing variables, error limit reached. Execution aborted.",
  'Expected non-nullable type "{type}" not to be null.',
  'Expected type "{name}" to be an object.',
  'Field "{name}" of required type "{type}" was not provided.',
  'Exactly one key must be specified for OneOf type "{name}".',
  'Argument "{name}" of required type "{type}" was not provided.',
  'Argument "{name}" of required type "{type}" was provided the variable "${name}" which was not provided a runtime value.',
  'Argument "{name}" of non-null type "{type}" must not be null.',

  // Messages of Apollo Server
  "PersistedQueryNotFound",
  "PersistedQueryNotSupported",
  "Unsupported persisted query version",
  "provided sha does not match query",
  'Operation "{name}" recursively requests too many selections.',
  "Anonymous operation recursively requests too many selections.",
  "POST body missing, invalid Content-Type, or JSON object has no keys.",
  "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.",
  "`{name}` in a POST body should be provided as an object, not a recursively JSON-encoded string.",
  "`{name}` in a POST body must be an object if provided.",
  "`{name}` in a POST body must be a string if provided.",
  "The '{name}' search parameter may only be specified once.",
  "The {name} search parameter contains invalid JSON.",
  "The {name} search parameter should contain a JSON-encoded object.",
  "GET requests only support query operations, not {name} operations",
  "GET requests may not have a content-type header other than application/json.",
  "Apollo Server supports only GET/POST requests.",
  "No operations found in request.",
  "Operation batching disabled.",
  "An 'accept' header was provided for this request which does not accept application/json; charset=utf-8 or application/graphql-response+json; charset=utf-8",

  // Messages of Gatehouse, document-limits
  "The document has more than {number} {words}.",
];

/** The beginnings of messages that end with a value of the request. Clients get only the beginning. */
export const BEGINNINGS = [
  // Messages of graphql-js, language/lexer and language/parser
  "Syntax Error: Unexpected {token}",
  "Syntax Error: Expected {token}, found {token}",
  "Syntax Error: Unexpected character",
  "Syntax Error: Invalid character within String",
  "Syntax Error: Invalid character escape sequence",
  "Syntax Error: Invalid character",
  "Syntax Error: Invalid Unicode escape sequence",
  "Syntax Error: Invalid number",

  // Messages of graphql-js, validation and execution
  'Variable "${name}" got invalid value',
  'Argument "{name}" has invalid value',
  'Expected value of type "{type}"',
  'Expected type "{name}"',
  'Enum "{name}" cannot represent non-enum value',
  'Enum "{name}" cannot represent non-string value',
  "Boolean cannot represent a non boolean value",
  "Float cannot represent non numeric value",
  "ID cannot represent a non-string and non-integer value",
  "Int cannot represent non-integer value",
  "Int cannot represent non 32-bit signed integer value",
  "String cannot represent a non string value",

  // Messages of graphql-scalars
  "DateTime cannot represent an invalid date-time-string",
  "DateTime cannot represent non string or Date type",

  // Messages of Apollo Server
  "GraphQL queries must be strings",
];

/** Messages to replace, each with its replacement. `$1` stands for the text of the first placeholder. */
export const REPLACED: readonly [shape: string, sentence: string][] = [
  ['Value "{rest}', "The value does not exist in the enum."],
  ["Unknown operation named {rest}", "The document has no operation of that name."],
  ['There can be only one input field named "{name}".', "An input field is given more than once."],
  ['Field "{name}.{name}" must be non-null.', 'The field of "$1" must not be null.'],
  ['Field "{name}" is not defined by type "{name}".{suggestion}', 'Unknown field of type "$2".$3'],
  [
    "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF).{rest}",
    "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). Send it with the content type application/json.",
  ],
];
