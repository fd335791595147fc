import {withTags} from './context.ts';

/** The set-ups are typed by what they read of a framework: the kit depends on none. */
type Headers = Record<string, string | string[] | undefined>;

type ExpressRequest = {method?: string; baseUrl?: string; route?: {path?: unknown}; headers: Headers};

/** Express, and NestJS on it: `app.use(expressTags)`. The route is known once the request's handler runs. */
export function expressTags(request: ExpressRequest, _response: unknown, next: () => void): void {
  const traceparent = traceOf(request.headers);
  const tags = () => {
    const path = request.route?.path;
    const route = typeof path === 'string' ? `${request.baseUrl ?? ''}${path}` : undefined;
    return {route, action: request.method, traceparent};
  };
  withTags(tags, next);
}

type FastifyRequest = {method: string; routeOptions?: {url?: string | undefined}; headers: Headers};

/** Fastify, and NestJS on it: `app.addHook('preHandler', fastifyTags)`. Earlier hooks run before the body is read. */
export function fastifyTags(request: FastifyRequest, _reply: unknown, done: () => void): void {
  const {method, routeOptions, headers} = request;
  withTags({route: routeOptions?.url, action: method, traceparent: traceOf(headers)}, done);
}

type HonoContext = {req: {method: string; routePath: string; header(name: string): string | undefined}};

/** Hono: `app.use(honoTags)`. */
export function honoTags<Result>({req}: HonoContext, next: () => Promise<Result>): Promise<Result> {
  const traceparent = req.header('traceparent');
  return withTags(() => ({route: req.routePath, action: req.method, traceparent}), next);
}

type ProcedureCall<Result> = {path: string; type: string; next: () => Result};

/** tRPC: `t.procedure.use(trpcTags)`. */
export function trpcTags<Result>({path, type, next}: ProcedureCall<Result>): Result {
  return withTags({route: path, action: type}, () => next());
}

/**
 * Next.js: `export const GET = nextTags('/api/users/[id]', async request => ...)`, the same for a server action. It knows no
 * route pattern at run time.
 */
export function nextTags<Args extends unknown[], Result>(
  route: string,
  handler: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    const [request] = args;
    // The arguments of a server action are the user's.
    const isRequest = request instanceof Request;
    const traceparent = (isRequest && request.headers.get('traceparent')) || undefined;
    return withTags({route, action: isRequest ? request.method : undefined, traceparent}, () =>
      handler(...args),
    );
  };
}

function traceOf({traceparent}: Headers): string | undefined {
  return typeof traceparent === 'string' ? traceparent : undefined;
}
