import type { ServerResponse } from "node:http";
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from "@nestjs/common";

/** Answers a request that is refused before GraphQL, such as one with a malformed body, in GraphQL's form. */
@Catch()
export class RefusedRequestsFilter implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    // Apollo Server answers the exception of a resolver.
    if (host.getType<string>() !== "http") throw exception;
    // Body parsers throw errors with a status of their own.
    const status =
      exception instanceof HttpException
        ? exception.getStatus()
        : ((exception as { status?: number }).status ?? 500);
    const isBug = status >= 500;
    if (isBug) console.error(exception);
    const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
    const message = isBug ? "Internal server error." : "The request is not valid.";
    const response = host.switchToHttp().getResponse<ServerResponse>();
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify({ errors: [{ message, extensions: { code } }] }));
  }
}
