// Creates, changes, lists and deletes a user with the client that @hey-api/openapi-ts generates.
import assert from 'node:assert/strict'
import { client } from './api/client.gen.js'
import { changePassword, createUser, deleteUser, getUser, listUsers, updateUser, type UpdateUserWritable } from './api/index.js'

const { USERAPI_URL: baseUrl = '', USERAPI_TOKEN: token = '' } = process.env
client.setConfig({ baseUrl, auth: token })

const bob = { nick_name: 'bob', password: 'correct horse', enterprise_id: 'default', phone: '1' }
const path = { user_id: '3' }
const created = await createUser({ body: bob })
assert.equal(created.data?.user_id, 3)
assert.equal(created.data?.email, null)
assert.deepEqual((await getUser({ path })).data, created.data)

const update = async (body: UpdateUserWritable) => (await updateUser({ path, body })).data
assert.equal((await update({}))?.is_active, true)
assert.equal((await update({ is_active: null }))?.is_active, null)
assert.equal((await update({ is_active: false }))?.is_active, false)
assert.equal((await update({ phone: '' }))?.phone, '')

const listed = await listUsers({ query: { query: 'bob' } })
assert.equal(listed.data?.total, 1)
const again = 'battery staple'
const changed = await changePassword({ path, body: { user_id: 3, password: again, password1: again } })
assert.equal(changed.data?.user_id, 3)

const taken = await createUser({ body: bob })
assert.equal(taken.error?.code, 'nick_name_taken')
assert.equal(taken.error?.errors[0]?.pointer, '/nick_name')
const refused = await updateUser({ path, body: { password: 'short' } })
assert.equal(refused.error?.errors[0]?.pointer, '/password')
assert.equal((await deleteUser({ path })).response?.status, 204)
assert.equal((await getUser({ path })).error?.code, 'not_found')
