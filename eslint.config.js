import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: [
      "dist",
      "cjs",
      "assets",
      "coverage",
      "mutation/.*",
      "test/generated",
      // These files import generated code. `npm run operations` generates it and compiles them.
      "test/codegen",
      "src/client/*.generated.ts",
      "examples/react-app/src/gql",
      "examples/*/node_modules",
      // The dependencies of these examples are not installed here. Tests install them and compile the examples.
      "examples/{express,fastify,federation,nestjs,next,yoga}",
    ],
  },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./examples/react-app/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // Some classes of type-graphql and MikroORM have decorators and nothing else.
      "@typescript-eslint/no-extraneous-class": ["error", { allowWithDecorator: true }],
      // The classes in *.type.ts only declare shapes, and are never instantiated. Plain objects take their place.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      "@typescript-eslint/no-invalid-void-type": ["error", { allowAsThisParameter: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    // Responses in tests are untyped JSON. The assertions check their shape.
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
