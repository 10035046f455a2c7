// What the generated endpoints are added to. The state of a store says where the server is, and which token to send.
import { createApi, fetchBaseQuery, type BaseQueryFn, type FetchArgs, type FetchBaseQueryError } from '@reduxjs/toolkit/query'

export interface Server {
  baseUrl: string
  token: string
}

const baseQuery: BaseQueryFn<string | FetchArgs, unknown, FetchBaseQueryError> = (args, api, options) => {
  const { server } = api.getState() as { server: Server }
  const query = fetchBaseQuery({ baseUrl: server.baseUrl, prepareHeaders: (headers) => headers.set('Authorization', `Bearer ${server.token}`) })
  return query(args, api, options)
}

// By default, a timer keeps what a query returned, and the program alive, for a minute.
export const base = createApi({ baseQuery, keepUnusedDataFor: 0, endpoints: () => ({}) })
