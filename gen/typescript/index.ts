import createFetchClient, { type Client, type ClientOptions } from 'openapi-fetch'
import type { components, paths } from './schema.js'

export type { components, operations, paths } from './schema.js'

/** What every error is (RFC 9457): `code` is for programs, `errors` has the pointer of each fault. */
export type Problem = components['schemas']['Problem']

/** Where the server is, and the token that is sent to it and nowhere else. Without one, only the log-in answers. */
export type Options = ClientOptions & { baseUrl: string; token?: string | undefined }

/**
 * Returns a client with a method for each HTTP method of the contract. Each answers `data`
 * or, for every status from 400 on, a Problem as `error`. It throws if nothing answers, or
 * something else than the server refuses. A 304, which only `If-None-Match` brings, has neither:
 * look at `response.status` first. What is `undefined` in a body is not sent; `null` is.
 */
export function createClient({ token, ...options }: Options): Client<paths> {
  const origin = originOf(options.baseUrl)
  // The API redirects nobody: what a body holds goes to no other host.
  const client = createFetchClient<paths>({ redirect: 'error', ...options })
  client.use({
    onRequest({ request, params, schemaPath }) {
      for (const value of Object.values(params.path ?? {})) {
        // A URL would lose these segments, and another operation be asked.
        if (/^\.{0,2}$/.test(String(value))) throw new TypeError(`"${value}" names nothing in ${schemaPath}`)
      }
      if (token !== undefined && originOf(request.url) === origin && !request.headers.has('Authorization')) {
        request.headers.set('Authorization', `Bearer ${token}`)
      }
    },
    onResponse({ request, response }) {
      const type = response.headers.get('Content-Type')
      if (response.status >= 400 && type !== 'application/problem+json') {
        throw new Error(`${request.method} ${request.url} was answered ${response.status} in ${type}: not by userapi`)
      }
    },
  })
  return client
}

// A browser takes a URL without a host for one of the page's own; Request knows.
const originOf = (url: string) => new URL(new Request(url).url).origin
