// Does the job with the client that @hey-api/openapi-ts generates.
import { createClient } from './api/hey/client/index.js'
import * as api from './api/hey/index.js'
import { doJob, type Answer, type Problem } from './job.js'

async function answer<Data>(result: Promise<{ data?: Data; error?: Problem }>): Promise<Answer<Data>> {
  const { data, error } = await result
  return { data, problem: error }
}

await doJob((baseUrl, auth) => {
  const client = createClient({ baseUrl, auth })
  return {
    createUser: (body) => answer(api.createUser({ client, body })),
    getUser: (user_id) => answer(api.getUser({ client, path: { user_id } })),
    updateUser: (user_id, body, ifMatch) => answer(api.updateUser({ client, path: { user_id }, body, headers: { 'If-Match': ifMatch } })),
    listUsers: (query) => answer(api.listUsers({ client, query: { query } })),
    changePassword: (user_id, body) => answer(api.changePassword({ client, path: { user_id }, body })),
    changeOwnPassword: (body) => answer(api.changeOwnPassword({ client, body })),
    logIn: (body) => answer(api.createAuthToken({ client, body })),
    deleteUser: (user_id) => answer(api.deleteUser({ client, path: { user_id } })),
  }
})
