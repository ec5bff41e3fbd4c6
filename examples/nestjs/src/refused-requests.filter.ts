import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from "@nestjs/common";
import type { ServerResponse } from "node:http";

/** Answers a request that never became a GraphQL request, such as a malformed body, in GraphQL's form. */
@Catch(HttpException)
export class RefusedRequestsFilter implements ExceptionFilter<HttpException> {
  catch(exception: HttpException, host: ArgumentsHost): void {
    // A resolver's own exception: Apollo Server answers it.
    if (host.getType<string>() !== "http") throw exception;
    const status = exception.getStatus();
    const isBug = status >= 500;
    const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
    const message = isBug ? "Internal server error." : "The request is not valid.";
    const response = host.switchToHttp().getResponse<ServerResponse>();
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify({ errors: [{ message, extensions: { code } }] }));
  }
}
