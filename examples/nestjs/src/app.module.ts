import type { IncomingMessage } from "node:http";
import { ApolloDriver, type ApolloDriverConfig } from "@nestjs/apollo";
import type { DynamicModule } from "@nestjs/common";
import { GraphQLModule } from "@nestjs/graphql";
import { apolloOptions, type Auth } from "graphql-gatehouse";
import { MottoResolver } from "./motto.resolver.js";

/** The application's own code-first schema, merged with Gatehouse's and guarded. */
export class AppModule {
  static with(auth: Auth): DynamicModule {
    return {
      module: AppModule,
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          // Nest merges `schema`, which is in these options, with the one that it generates. `object`, because Nest
          // declares Apollo's types a second time, for CommonJS.
          ...(apolloOptions(auth.schema) as object),
          autoSchemaFile: true,
          buildSchemaOptions: { directives: [...auth.schema.getDirectives()] },
          transformSchema: (schema) => auth.guard(schema),
          context: ({ req }: { req: IncomingMessage }) => auth.createContext(req),
          playground: false,
          stopOnTerminationSignals: false,
        }),
      ],
      providers: [MottoResolver],
    };
  }
}
