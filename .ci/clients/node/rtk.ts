// Does the job with the endpoints that @rtk-query/codegen-openapi generates, in a store of Redux.
import { configureStore } from '@reduxjs/toolkit'
import { api } from './api/rtk.js'
import { doJob, type Answer, type Problem } from './job.js'
import type { Server } from './rtk.base.js'

async function answer<Data>(result: PromiseLike<{ data?: Data; error?: unknown }>): Promise<Answer<Data>> {
  const { data, error } = await result
  return { data, problem: (error as { data: Problem } | undefined)?.data }
}

await doJob((baseUrl, token) => {
  const server: Server = { baseUrl, token }
  const store = configureStore({
    reducer: { server: () => server, [api.reducerPath]: api.reducer },
    middleware: (defaults) => defaults().concat(api.middleware),
  })
  const { createUser, getUser, updateUser, listUsers, changePassword, changeOwnPassword, createAuthToken, deleteUser } = api.endpoints
  const { dispatch } = store
  return {
    createUser: (body) => answer(dispatch(createUser.initiate({ createUser: body }))),
    getUser: (userId) => answer(dispatch(getUser.initiate({ userId }, { subscribe: false, forceRefetch: true }))),
    updateUser: (userId, body, ifMatch) => answer(dispatch(updateUser.initiate({ userId, updateUser: body, 'If-Match': ifMatch }))),
    listUsers: (query) => answer(dispatch(listUsers.initiate({ query }, { subscribe: false }))),
    changePassword: (userId, body) => answer(dispatch(changePassword.initiate({ userId, changePassword: body }))),
    changeOwnPassword: (body) => answer(dispatch(changeOwnPassword.initiate({ changeOwnPassword: body }))),
    logIn: (body) => answer(dispatch(createAuthToken.initiate({ logIn: body }))),
    deleteUser: (userId) => answer(dispatch(deleteUser.initiate({ userId }))),
  }
})
