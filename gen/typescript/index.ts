import createFetchClient, { type Client, type ClientOptions } from 'openapi-fetch'
import type { components, paths } from './schema.js'

export type { components, operations, paths } from './schema.js'

/** What every error is (RFC 9457): `code` is for programs, `errors` has the pointer of each fault. */
export type Problem = components['schemas']['Problem']

/** Where the server is, and the token that is sent to it. Without one, only the log-in answers. */
export type Options = ClientOptions & { baseUrl: string; token?: string }

/**
 * Returns a client with a method for each HTTP method of the contract. Each answers `data`
 * or, for every status from 400 on, a Problem as `error`; it throws only if nothing answers.
 * What is `undefined` in a body is not sent; `null` is.
 */
export function createClient({ token, ...options }: Options): Client<paths> {
  const client = createFetchClient<paths>(options)
  if (token !== undefined) {
    client.use({
      onRequest({ request }) {
        request.headers.set('Authorization', `Bearer ${token}`)
      },
    })
  }
  return client
}
