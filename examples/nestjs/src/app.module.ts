import type { IncomingMessage } from "node:http";
import { ApolloDriver, type ApolloDriverConfig } from "@nestjs/apollo";
import type { DynamicModule } from "@nestjs/common";
import { GraphQLModule } from "@nestjs/graphql";
import { mergeSchemas } from "@graphql-tools/schema";
import { apolloOptions, type Auth } from "graphql-gatehouse";
import { MottoResolver } from "./motto.resolver.js";

/** The application's own code-first schema, merged with Gatehouse's and guarded. */
export class AppModule {
  static with(auth: Auth): DynamicModule {
    const { schema, ...options } = apolloOptions(auth.schema);
    return {
      module: AppModule,
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          // Cast to `object`: Nest uses Apollo's declarations for CommonJS, and TypeScript treats the types in them as
          // different types.
          ...(options as object),
          autoSchemaFile: true,
          buildSchemaOptions: { directives: [...auth.schema.getDirectives()] },
          transformSchema: (own) => auth.guard(mergeSchemas({ schemas: [schema, own] })),
          context: ({ req }: { req: IncomingMessage }) => auth.createContext(req),
          // Despite the name of the option, `true` would reset every status to 200.
          preserveHttpStatusForExecutionErrors: false,
          autoTransformHttpErrors: false,
          playground: false,
          stopOnTerminationSignals: false,
        }),
      ],
      providers: [MottoResolver],
    };
  }
}
