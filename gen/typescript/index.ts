import createFetchClient, { type Client, type ClientOptions } from 'openapi-fetch'
import type { components, paths } from './schema.js'

export type { components, operations, paths } from './schema.js'

/** The body of every error (RFC 9457): `code` is for programs, `errors` has the pointer of each fault. */
export type Problem = components['schemas']['Problem']

/** The address of the server, and a token. The client sends the token to no other host. Without a token, you can only log in. */
export type Options = ClientOptions & { baseUrl: string; token?: string | undefined }

/**
 * Returns a client with a method for each HTTP method of the contract. Each method returns
 * `data` or, if the status is 400 or more, a Problem as `error`. It throws if there is no answer,
 * or an error that is not from userapi. If you send `If-None-Match`, check `response.status` first:
 * a 304 has neither `data` nor `error`. In a body, `undefined` is not sent, but `null` is.
 */
export function createClient({ token, ...options }: Options): Client<paths> {
  const origin = originOf(options.baseUrl)
  // The API never redirects. So refuse redirects, which would send the body to another host.
  const client = createFetchClient<paths>({ redirect: 'error', ...options })
  client.use({
    onRequest({ request, params, schemaPath }) {
      for (const value of Object.values(params.path ?? {})) {
        // A URL drops these segments, so the request would call another operation.
        if (/^\.{0,2}$/.test(String(value))) throw new TypeError(`"${value}" names nothing in ${schemaPath}: set each path parameter to an id`)
      }
      if (token !== undefined && originOf(request.url) === origin && !request.headers.has('Authorization')) {
        request.headers.set('Authorization', `Bearer ${token}`)
      }
    },
    onResponse({ request, response }) {
      const type = response.headers.get('Content-Type')
      if (response.status >= 400 && type !== 'application/problem+json') {
        throw new Error(`${request.method} ${request.url} was answered ${response.status} with ${type}, which userapi never sends: check baseUrl`)
      }
    },
  })
  return client
}

// In a browser, a URL without a host is relative to the page. Request resolves it.
const originOf = (url: string) => new URL(new Request(url).url).origin
