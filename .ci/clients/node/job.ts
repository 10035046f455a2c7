// The job that each client in this folder does: a user from creation to deletion, and one error of each kind.
import assert from 'node:assert/strict'
import type {
  AuthToken, ChangedPassword, ChangeOwnPassword, ChangePassword, CreateUser, LogIn, Problem, UpdateUser, UpdateUserWritable, UserInfo, UserList,
} from './api/hey/index.js'

export type { Problem } from './api/hey/index.js'

/** What a client makes of an answer: data if the server did what it was asked for, problem otherwise. */
export interface Answer<Data> {
  data?: Data | undefined
  problem?: Problem | undefined
}

/** A client, behind a call for each operation of the job. The types are those of @hey-api/openapi-ts, and fit the types of all others. */
export interface Client {
  createUser(body: CreateUser): Promise<Answer<UserInfo>>
  getUser(user_id: string): Promise<Answer<UserInfo>>
  updateUser(user_id: string, body: UpdateUserWritable, ifMatch?: string): Promise<Answer<UpdateUser>>
  listUsers(query: string): Promise<Answer<UserList>>
  changePassword(user_id: string, body: ChangePassword): Promise<Answer<ChangedPassword>>
  changeOwnPassword(body: ChangeOwnPassword): Promise<Answer<unknown>>
  logIn(body: LogIn): Promise<Answer<AuthToken>>
  deleteUser(user_id: string): Promise<Answer<unknown>>
}

const { SERVER_URL: baseUrl = '', TOKEN: token = '' } = process.env

/** Does the job. A client that validates refuses what its schemas refuse, and sends nothing. */
export async function doJob(connect: (baseUrl: string, token: string) => Client, { validates = false } = {}): Promise<void> {
  const admin = connect(baseUrl, token)
  const bob = { nick_name: 'bob', password: 'correct horse', enterprise_id: 'default', phone: '1' }
  const created = await admin.createUser(bob)
  assert.equal(created.data?.user_id, 3)
  assert.equal(created.data?.email, null)
  assert.deepEqual((await admin.getUser('3')).data, created.data)

  const update = async (body: UpdateUserWritable) => (await admin.updateUser('3', body)).data
  assert.equal((await update({}))?.is_active, true)
  assert.equal((await update({ is_active: null }))?.is_active, null)
  assert.equal((await update({ is_active: false }))?.is_active, false)
  assert.equal((await update({ phone: '' }))?.phone, '')
  assert.equal((await update({ is_active: true }))?.is_active, true)

  const listed = await admin.listUsers('bob')
  assert.equal(listed.data?.total, 1)
  assert.equal(listed.data?.users[0]?.phone, '')
  const again = 'battery staple'
  assert.equal((await admin.changePassword('3', { user_id: 3, password: again, password1: again })).data?.user_id, 3)
  const login = { username: 'default/bob', password: again }
  const oneself = connect(baseUrl, (await connect(baseUrl, '').logIn(login)).data?.token ?? '')
  assert.deepEqual((await oneself.changeOwnPassword({ password: again, password1: again })).data, {})

  refused(await connect(baseUrl, '').logIn({ ...login, password: 'wrong' }), 401, 'invalid_credentials')
  refused(await oneself.updateUser('3', { is_active: false }), 403, 'forbidden', '/is_active')
  refused(await oneself.getUser('2'), 404, 'not_found')
  refused(await admin.createUser(bob), 409, 'nick_name_taken', '/nick_name')
  refused(await admin.updateUser('3', {}, '"99"'), 412, 'precondition_failed')
  refused(await admin.changePassword('3', { user_id: 3, password: again, password1: '' }), 422, 'invalid_request', '/password1')
  if (validates) {
    await assert.rejects(admin.updateUser('3', { password: 'short' }))
  } else {
    refused(await admin.updateUser('3', {}, 'zzz'), 400, 'malformed_header')
    refused(await admin.updateUser('3', { phone: '1'.repeat(1 << 16) }), 413, 'content_too_large')
    refused(await admin.updateUser('3', { password: 'short' }), 422, 'invalid_request', '/password')
  }
  assert.equal((await admin.deleteUser('3')).problem, undefined)
  refused(await admin.deleteUser('3'), 404, 'not_found')
  refused(await oneself.getUser('3'), 401, 'unauthenticated')
}

/** Requires a problem with these faults. */
function refused({ data, problem }: Answer<unknown>, status: number, code: Problem['code'], ...pointers: string[]): void {
  assert.equal(data, undefined)
  assert.equal(problem?.status, status)
  assert.equal(problem?.code, code)
  assert.deepEqual(problem?.errors.map(({ pointer }) => pointer), pointers)
}
