# Creates, changes, lists and deletes a user with the client that openapi-generator generates.
require 'json'
require 'uri'
$LOAD_PATH.unshift File.expand_path('api/ruby/lib', __dir__)
require 'openapi_client'
include OpenapiClient

def client(token, validates = true)
  configuration = Configuration.new
  configuration.host = URI(ENV.fetch('SERVER_URL')).host + ":#{URI(ENV.fetch('SERVER_URL')).port}"
  configuration.access_token = token
  configuration.client_side_validation = validates
  ApiClient.new(configuration)
end

def want(expected, got)
  raise "#{got.inspect} and not #{expected.inspect}" unless got == expected
end

def refused(status, code, pointers)
  yield
rescue ApiError => e
  problem = JSON.parse(e.response_body)
  want [status, code, pointers], [e.code, problem['code'], problem['errors'].map { |fault| fault['pointer'] }]
else
  raise "#{status} #{code} was expected"
end

first = client(ENV.fetch('TOKEN'))
users = UsersApi.new(first)
passwords = PasswordsApi.new(first)
new = CreateUser.new(nick_name: 'bob', password: 'correct horse', enterprise_id: 'default', phone: '1')
created = users.create_user(new)
want [3, true, nil], [created.user_id, created.is_active, created.email]
want created, users.get_user('3')

update = ->(body) { users.update_user('3', update_user: body) }
want true, update.(UpdateUser.new).is_active
want nil, update.(UpdateUser.new(is_active: nil)).is_active
want false, update.(UpdateUser.new(is_active: false)).is_active
want '', update.(UpdateUser.new(phone: '')).phone
want 'bob@example.com', update.(UpdateUser.new(is_active: true, email: 'bob@example.com')).email

listed = users.list_users(query: 'bob')
want [1, 'bob'], [listed.total, listed.users[0].nick_name]
changed = ChangePassword.new(user_id: 3, password: 'battery staple', password1: 'battery staple')
want 3, passwords.change_password('3', changed).user_id
tokens = TokensApi.new(client(nil))
bob = UsersApi.new(client(tokens.create_auth_token(LogIn.new(username: 'bob@example.com', password: 'battery staple')).token))
want 'bob', bob.get_user('3').nick_name
PasswordsApi.new(bob.api_client).change_own_password(ChangeOwnPassword.new(password: 'correct horse', password1: 'correct horse'))

careless = UsersApi.new(client(ENV.fetch('TOKEN'), false))
refused(400, 'malformed_header', []) { careless.get_user('3', if_none_match: 'x') }
refused(401, 'unauthenticated', []) { UsersApi.new(client('wrong')).get_user('3') }
wrong = LogIn.new(username: 'default/ada', password: 'wrong')
refused(401, 'invalid_credentials', []) { tokens.create_auth_token(wrong) }
refused(429, 'too_many_requests', []) { tokens.create_auth_token(wrong) }
refused(403, 'forbidden', ['/is_active']) { bob.update_user('3', update_user: UpdateUser.new(is_active: true)) }
refused(404, 'not_found', []) { users.get_user('9') }
refused(409, 'nick_name_taken', ['/nick_name']) { users.create_user(new) }
refused(412, 'precondition_failed', []) { users.update_user('3', if_match: '"1"') }
refused(413, 'content_too_large', []) { careless.create_user({ origion: 'x' * 70_000 }) }
changed.password1 = 'correct horse'
refused(422, 'invalid_request', ['/password1']) { passwords.change_password('3', changed) }
users.delete_user('3')
refused(404, 'not_found', []) { users.get_user('3') }
