import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createClient, type Problem, type components } from './index.js'

const { SERVER_URL: baseUrl, TOKEN: token } = process.env
if (!baseUrl || !token) throw new Error('Set SERVER_URL and TOKEN to a server and a token of a system administrator.')
const client = createClient({ baseUrl, token })

async function createUser(): Promise<string> {
  const { data, error } = await client.POST('/openapi/v1/users', {
    body: { nick_name: randomUUID(), password: 'correct horse', enterprise_id: 'default', phone: '1' },
  })
  assert.equal(error, undefined)
  return String(data?.user_id)
}

async function update(user_id: string, body: components['schemas']['UpdateUser']) {
  const { data, error } = await client.PUT('/openapi/v1/users/{user_id}', { params: { path: { user_id } }, body })
  assert.equal(error, undefined)
  return data
}

test('absent leaves a member alone', async () => {
  assert.deepEqual(await update(await createUser(), {}), { enterprise_id: 'default', phone: '1', is_active: true })
})

test('null is sent and answered', async () => {
  assert.equal((await update(await createUser(), { is_active: null }))?.is_active, null)
})

test('false is sent and answered', async () => {
  assert.equal((await update(await createUser(), { is_active: false }))?.is_active, false)
})

test('"" is sent and answered', async () => {
  assert.equal((await update(await createUser(), { phone: '' }))?.phone, '')
})

test('a conflict is a problem with a pointer', async () => {
  const email = `${randomUUID()}@example.com`
  await update(await createUser(), { email })
  const { error, response } = await client.PUT('/openapi/v1/users/{user_id}', {
    params: { path: { user_id: await createUser() } },
    body: { email },
  })
  const problem: Problem | undefined = error
  assert.equal(response.status, 409)
  assert.equal(problem?.code, 'email_taken')
  assert.equal(problem?.errors[0]?.pointer, '/email')
})

test('each fault of a request has a pointer', async () => {
  const { error, response } = await client.PUT('/openapi/v1/users/{user_id}', {
    params: { path: { user_id: await createUser() } },
    // The types allow an unknown member. The server refuses it.
    body: { password: 'short', is_actve: true },
  })
  assert.equal(response.status, 422)
  assert.deepEqual(
    error?.errors.map(({ pointer, code }) => [pointer, code]),
    [
      ['/is_actve', 'unknown_member'],
      ['/password', 'min_length'],
    ],
  )
})

test('one error of each kind', async () => {
  const user_id = await createUser()
  const path = { user_id }
  const { data } = await client.GET('/openapi/v1/users/{user_id}', { params: { path } })
  const login = { username: `default/${data?.nick_name}`, password: 'battery staple' }
  const again = { user_id: Number(user_id), password: login.password, password1: login.password }
  const changed = await client.PUT('/openapi/v1/users/{user_id}/changepwd', { params: { path }, body: again })
  assert.equal(changed.data?.user_id, again.user_id)
  const anyone = createClient({ baseUrl })
  const oneself = createClient({ baseUrl, token: (await anyone.POST('/openapi/v1/auth-token', { body: login })).data?.token })
  const update = (body: components['schemas']['UpdateUser'], ifMatch = '*') =>
    client.PUT('/openapi/v1/users/{user_id}', { params: { path, header: { 'If-Match': ifMatch } }, body })

  const malformed = await update({}, 'zzz')
  assert.equal(malformed.error?.code, 'malformed_header')
  const wrong = await anyone.POST('/openapi/v1/auth-token', { body: { ...login, password: 'wrong' } })
  assert.equal(wrong.error?.code, 'invalid_credentials')
  const forbidden = await oneself.PUT('/openapi/v1/users/{user_id}', { params: { path }, body: { is_active: false } })
  assert.equal(forbidden.error?.code, 'forbidden')
  assert.equal(forbidden.error?.errors[0]?.pointer, '/is_active')
  const hidden = await oneself.GET('/openapi/v1/users/{user_id}', { params: { path: { user_id: '1' } } })
  assert.equal(hidden.error?.code, 'not_found')
  const large = await update({ phone: '1'.repeat(1 << 16) })
  assert.equal(large.error?.code, 'content_too_large')
})

test('a user from the first log-in to the end', async () => {
  const user_id = await createUser()
  const path = { user_id }
  const read = await client.GET('/openapi/v1/users/{user_id}', { params: { path } })
  const nick_name = read.data?.nick_name ?? ''
  const version = read.response.headers.get('ETag') ?? ''
  const again = await client.GET('/openapi/v1/users/{user_id}', { params: { path, header: { 'If-None-Match': version } } })
  assert.equal(again.response.status, 304)
  assert.equal(again.data, undefined)
  const listed = await client.GET('/openapi/v1/users', { params: { query: { query: nick_name, page_size: 1 } } })
  assert.equal(listed.data?.total, 1)

  const anyone = createClient({ baseUrl })
  const login = await anyone.POST('/openapi/v1/auth-token', { body: { username: `default/${nick_name}`, password: 'correct horse' } })
  const oneself = createClient({ baseUrl, token: login.data?.token ?? '' })
  const changed = await oneself.PUT('/openapi/v1/changepwd', { body: { password: 'battery staple', password1: 'battery staple' } })
  assert.deepEqual(changed.data, {})

  const stale = await client.DELETE('/openapi/v1/users/{user_id}', { params: { path, header: { 'If-Match': version } } })
  assert.equal(stale.error?.code, 'precondition_failed')
  const deleted = await client.DELETE('/openapi/v1/users/{user_id}', { params: { path } })
  assert.equal(deleted.response.status, 204)
  const missing = await oneself.GET('/openapi/v1/users/{user_id}', { params: { path } })
  assert.equal(missing.error?.code, 'unauthenticated')
})

test('an answer of another server is an error, and that server gets no token', async (t) => {
  const heard: IncomingMessage[] = []
  const other = createServer((request, response) => {
    heard.push(request)
    if (request.method === 'PUT') response.writeHead(308, { Location: `${baseUrl}/openapi/v1/changepwd` }).end()
    else response.writeHead(502, { 'Content-Length': 0 }).end()
  })
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening))
  t.after(() => other.close())
  const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`

  const path = { user_id: '1' }
  await assert.rejects(client.GET('/openapi/v1/users/{user_id}', { params: { path }, baseUrl: elsewhere }), /answered 502/)
  assert.equal(heard[0]?.headers.authorization, undefined)
  const body = { password: 'battery staple', password1: 'battery staple' }
  await assert.rejects(createClient({ baseUrl: elsewhere }).PUT('/openapi/v1/changepwd', { body }), /fetch failed/)
  assert.equal(heard.length, 2)
  for (const user_id of ['', '.', '..']) {
    await assert.rejects(client.DELETE('/openapi/v1/users/{user_id}', { params: { path: { user_id } } }), /names nothing/)
  }
})

// The types refuse these values. tsc fails if they allow one of them.
export const refused: components['schemas']['UpdateUser'][] = [
  // @ts-expect-error Only is_active takes null.
  { phone: null },
  // @ts-expect-error is_active is not a string.
  { is_active: 'null' },
  // @ts-expect-error To leave a member out, do not set it to undefined.
  { is_active: undefined },
]
