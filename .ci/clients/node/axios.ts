// Does the job with openapi-client-axios, which reads the contract that the server serves, and the types that openapi-client-axios-typegen generates.
import type { AxiosResponse } from 'axios'
import { OpenAPIClientAxios, type ParamsArray } from 'openapi-client-axios'
import type { Client } from './api/axios.js'
import { doJob, type Answer, type Problem } from './job.js'

const api = new OpenAPIClientAxios({
  definition: `${process.env['SERVER_URL']}/openapi.json`,
  axiosConfigDefaults: { validateStatus: () => true },
})
const client = await api.init<Client>()

async function answer<Data>(result: Promise<AxiosResponse<Data>>): Promise<Answer<Data>> {
  const { status, data } = await result
  return status < 400 ? { data } : { problem: data as unknown as Problem }
}

await doJob((baseURL, token) => {
  const options = { baseURL, headers: { Authorization: `Bearer ${token}` } }
  // If an operation has headers, the generated types of its parameters leave out those of the path, so name both here.
  const named = (user_id: string, ifMatch?: string): ParamsArray => [
    { name: 'user_id', value: user_id, in: 'path' },
    ...(ifMatch ? [{ name: 'If-Match', value: ifMatch, in: 'header' }] : []),
  ]
  return {
    createUser: (body) => answer(client.createUser(null, body, options)),
    getUser: (user_id) => answer(client.getUser(named(user_id), null, options)),
    updateUser: (user_id, body, ifMatch) => answer(client.updateUser(named(user_id, ifMatch), body, options)),
    // The generated type of a list with maxItems is a tuple of as many members, each of which may be undefined.
    listUsers: (query) => answer(client.listUsers({ query }, null, options) as Promise<AxiosResponse>),
    changePassword: (user_id, body) => answer(client.changePassword(named(user_id), body, options)),
    changeOwnPassword: (body) => answer(client.changeOwnPassword(null, body, options)),
    logIn: (body) => answer(client.createAuthToken(null, body, options)),
    deleteUser: (user_id) => answer(client.deleteUser(named(user_id), null, options)),
  }
})
