// This is a contract test of a program that uses the API. The program is switchOff, and 'userapi mock' is the
// server: what it answers is what the real one answers. Copy this file into a project of your own, with
// userapi on the PATH, and import 'userapi-client' instead of './index.js'.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, test } from 'node:test'
import { createClient } from './index.js'

type Api = ReturnType<typeof createClient>

/**
 * Switches a user off who has left, and clears the phone. If somebody else changes the user at the same time, it reads the
 * user again first. A user who does not exist any more is off.
 */
async function switchOff(api: Api, user_id: string): Promise<void> {
  for (;;) {
    const params = { path: { user_id } }
    const read = await api.GET('/openapi/v1/users/{user_id}', { params })
    if (read.error?.code === 'not_found') return
    if (read.error) throw new Error(`read the user: ${read.error.detail}`)
    const ifMatch = { 'If-Match': read.response.headers.get('ETag') ?? '' }
    const off = { is_active: false, phone: '' }
    const { error } = await api.PUT('/openapi/v1/users/{user_id}', { params: { ...params, header: ifMatch }, body: off })
    if (!error) return
    if (error.code !== 'precondition_failed') throw new Error(`switch the user off: ${error.detail}`)
  }
}

// The token of root is in the seed that is built into 'userapi mock'. So are the users: 2 is ada, 4 is linus.
const token = 'mock-token-of-root-11111111111111'

// The mock listens on free ports. It ends with the tests, and its database with it.
const mock = spawn(process.env.SERVER_PROGRAM ?? 'userapi', ['mock', '--listen=127.0.0.1:0', '--ops-listen=127.0.0.1:0', '--log-format=json'], {
  stdio: ['ignore', 'ignore', 'pipe'],
})
let baseUrl = ''
let ops = ''
let root: Api

before(async () => {
  for await (const line of createInterface(mock.stderr)) {
    const { msg, address } = JSON.parse(line)
    if (msg === 'serving metrics') ops = `http://${address}`
    if (msg === 'listening') {
      baseUrl = `http://${address}`
      break
    }
  }
  mock.stderr.resume()
  root = createClient({ baseUrl, token })
})

after(async () => {
  mock.kill('SIGTERM')
  await once(mock, 'exit')
})

// Each test begins with the users of the seed.
beforeEach(async () => {
  assert.ok((await fetch(`${ops}/reset`, { method: 'POST' })).ok)
})

async function read(user_id: string) {
  const { data } = await root.GET('/openapi/v1/users/{user_id}', { params: { path: { user_id } } })
  assert.ok(data)
  return data
}

test('changes two members and leaves the others', async () => {
  const { email } = await read('2')
  await switchOff(root, '2')
  const after = await read('2')
  assert.deepEqual([after.is_active, after.phone, after.email], [false, '', email])
})

// GET /requests tells what the program has sent: absent, null or a value for each member of the contract.
test('sends two members and no other', async () => {
  await switchOff(root, '2')
  const { requests } = await (await fetch(`${ops}/requests`)).json()
  assert.deepEqual(requests.at(-1).members, {
    enterprise_id: { state: 'absent' },
    email: { state: 'absent' },
    password: { state: 'absent' },
    is_active: { state: 'value', value: false },
    phone: { state: 'value', value: '' },
  })
})

test('switches off whom nobody has decided on', async () => {
  assert.equal((await read('4')).is_active, null)
  await switchOff(root, '4')
  assert.equal((await read('4')).is_active, false)
})

test('tries again after somebody was faster', async () => {
  let updates = 0
  const slow = createClient({ baseUrl, token })
  slow.use({
    async onRequest({ request }) {
      if (request.method !== 'PUT' || ++updates > 1) return
      await root.PUT('/openapi/v1/users/{user_id}', { params: { path: { user_id: '2' } }, body: { phone: '1' } })
    },
  })
  await switchOff(slow, '2')
  assert.equal(updates, 2)
  assert.equal((await read('2')).phone, '')
})

test('takes a user who is gone for off', async () => {
  await root.DELETE('/openapi/v1/users/{user_id}', { params: { path: { user_id: '2' } } })
  await switchOff(root, '2')
})

test('reports what it cannot do', async () => {
  await assert.rejects(switchOff(root, '1'), /own account/)
})

// The header Prefer asks the mock for any answer that the contract has.
test('reports a busy server', async () => {
  const busy = createClient({ baseUrl, token })
  busy.use({
    onRequest({ request }) {
      if (request.method === 'PUT') request.headers.set('Prefer', 'code=503')
    },
  })
  await assert.rejects(switchOff(busy, '2'), /busy/)
  assert.equal((await read('2')).is_active, true)
})
