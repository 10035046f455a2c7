// Does the job with the functions that oazapfts generates.
import type { ApiResponse, WithHeaders } from '@oazapfts/runtime'
import * as api from './api/oazapfts.js'
import { doJob, type Answer } from './job.js'

/** The data of the answers with this status. */
type DataOf<Result, Status> = Extract<Result, { status: Status }> extends { data: infer Data } ? Data : unknown

async function answer<Result extends ApiResponse>(result: Promise<WithHeaders<Result>>): Promise<Answer<DataOf<Result, 200 | 201>>> {
  const { status, data } = await result
  return status < 400 ? { data } : { problem: data }
}

await doJob((baseUrl, token) => {
  const options = { baseUrl, headers: { Authorization: `Bearer ${token}` } }
  return {
    createUser: (body) => answer(api.createUser(body, options)),
    getUser: (id) => answer(api.getUser(id, {}, options)),
    updateUser: (id, body, ifMatch) => answer(api.updateUser(id, body, { ifMatch }, options)),
    listUsers: (query) => answer(api.listUsers({ query }, options)),
    changePassword: (id, body) => answer(api.changePassword(id, body, {}, options)),
    changeOwnPassword: (body) => answer(api.changeOwnPassword(body, options)),
    logIn: (body) => answer(api.createAuthToken(body, options)),
    deleteUser: (id) => answer(api.deleteUser(id, {}, options)),
  }
})
