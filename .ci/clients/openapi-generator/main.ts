// Creates, changes, lists and deletes a user with the client that openapi-generator generates.
import assert from 'node:assert/strict'
import { AxiosError } from 'axios'
import { type CreateUser, PasswordsApi, type Problem, TokensApi, type UpdateUser, UsersApi } from './api/typescript-axios/index'

const { SERVER_URL: basePath = '', TOKEN: first = '' } = process.env

async function refused(status: number, code: string, pointers: string[], call: Promise<unknown>) {
  const error = await call.then(() => assert.fail(`${status} ${code} was expected`), (error: unknown) => error)
  assert(error instanceof AxiosError, String(error))
  const problem = error.response?.data as Problem
  assert.deepEqual([error.response?.status, problem.code, problem.errors.map((fault) => fault.pointer)], [status, code, pointers])
}

async function main() {
  const users = new UsersApi({ basePath, accessToken: first })
  const passwords = new PasswordsApi({ basePath, accessToken: first })
  const bob: CreateUser = { nick_name: 'bob', password: 'correct horse', enterprise_id: 'default', phone: '1' }
  const created = (await users.createUser(bob)).data
  assert.deepEqual([created.user_id, created.is_active, created.email], [3, true, null])
  assert.deepEqual((await users.getUser('3')).data, created)

  const update = async (body: UpdateUser) => (await users.updateUser('3', undefined, undefined, body)).data
  assert.equal((await update({})).is_active, true)
  assert.equal((await update({ is_active: null })).is_active, null)
  assert.equal((await update({ is_active: false })).is_active, false)
  assert.equal((await update({ phone: '' })).phone, '')
  assert.equal((await update({ is_active: true, email: 'bob@example.com' })).email, 'bob@example.com')

  const listed = (await users.listUsers('bob')).data
  assert.deepEqual([listed.total, listed.users[0]?.nick_name], [1, 'bob'])
  const changed = { user_id: 3, password: 'battery staple', password1: 'battery staple' }
  assert.equal((await passwords.changePassword('3', changed)).data.user_id, 3)
  const tokens = new TokensApi({ basePath })
  const { token } = (await tokens.createAuthToken({ username: 'bob@example.com', password: 'battery staple' })).data
  const own = new UsersApi({ basePath, accessToken: token })
  assert.equal((await own.getUser('3')).data.nick_name, 'bob')
  await new PasswordsApi({ basePath, accessToken: token }).changeOwnPassword({ password: 'correct horse', password1: 'correct horse' })

  await refused(400, 'malformed_header', [], users.getUser('3', 'x'))
  await refused(401, 'unauthenticated', [], new UsersApi({ basePath, accessToken: 'wrong' }).getUser('3'))
  const wrong = { username: 'default/ada', password: 'wrong' }
  await refused(401, 'invalid_credentials', [], tokens.createAuthToken(wrong))
  await refused(429, 'too_many_requests', [], tokens.createAuthToken(wrong))
  await refused(403, 'forbidden', ['/is_active'], own.updateUser('3', undefined, undefined, { is_active: true }))
  await refused(404, 'not_found', [], users.getUser('9'))
  await refused(409, 'nick_name_taken', ['/nick_name'], users.createUser(bob))
  await refused(412, 'precondition_failed', [], users.updateUser('3', '"1"'))
  await refused(413, 'content_too_large', [], users.createUser({ ...bob, origion: 'x'.repeat(70000) }))
  await refused(422, 'invalid_request', ['/password1'], passwords.changePassword('3', { ...changed, password1: 'correct horse' }))
  assert.equal((await users.deleteUser('3')).status, 204)
  await refused(404, 'not_found', [], users.getUser('3'))
}

void main()
