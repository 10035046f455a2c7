"""Creates, changes, lists and deletes a user with the client that openapi-generator generates."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "api", "python"))
import openapi_client as api  # noqa: E402


def client(token, validates=True):
    configuration = api.Configuration(host=os.environ["SERVER_URL"])
    configuration.access_token = token
    configuration.client_side_validation = validates
    return api.ApiClient(configuration)


def refused(status, code, pointers, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except api.ApiException as error:
        problem = json.loads(error.body)
        got = error.status, problem["code"], [fault["pointer"] for fault in problem["errors"]]
        assert got == (status, code, pointers), got
    else:
        raise AssertionError(f"{status} {code} was expected")


first = client(os.environ["TOKEN"])
users, passwords = api.UsersApi(first), api.PasswordsApi(first)
new = api.CreateUser(nick_name="bob", password="correct horse", enterprise_id="default", phone="1")
created = users.create_user(new)
assert (created.user_id, created.is_active, created.email) == (3, True, None), created
assert users.get_user("3") == created


def update(body):
    return users.update_user("3", update_user=body)


assert update(api.UpdateUser()).is_active is True
assert update({"is_active": None}).is_active is None  # UpdateUser leaves None out
assert update(api.UpdateUser(is_active=False)).is_active is False
assert update(api.UpdateUser(phone="")).phone == ""
assert update(api.UpdateUser(is_active=True, email="bob@example.com")).email == "bob@example.com"

listed = users.list_users(query="bob")
assert (listed.total, listed.users[0].nick_name) == (1, "bob"), listed
changed = api.ChangePassword(user_id=3, password="battery staple", password1="battery staple")
assert passwords.change_password("3", changed).user_id == 3
tokens = api.TokensApi(client(None))
token = tokens.create_auth_token(api.LogIn(username="bob@example.com", password="battery staple")).token
bob = api.UsersApi(client(token))
assert bob.get_user("3").nick_name == "bob"
own = api.ChangeOwnPassword(password="correct horse", password1="correct horse")
api.PasswordsApi(bob.api_client).change_own_password(own)

careless = api.UsersApi(client(os.environ["TOKEN"], validates=False))
refused(400, "malformed_header", [], careless.get_user, "3", if_none_match="x")
refused(401, "unauthenticated", [], api.UsersApi(client("wrong")).get_user, "3")
wrong = api.LogIn(username="default/ada", password="wrong")
refused(401, "invalid_credentials", [], tokens.create_auth_token, wrong)
refused(429, "too_many_requests", [], tokens.create_auth_token, wrong)
refused(403, "forbidden", ["/is_active"], bob.update_user, "3", update_user=api.UpdateUser(is_active=True))
refused(404, "not_found", [], users.get_user, "9")
refused(409, "nick_name_taken", ["/nick_name"], users.create_user, new)
refused(412, "precondition_failed", [], users.update_user, "3", if_match='"1"')
refused(413, "content_too_large", [], careless.create_user, {"origion": "x" * 70000})
changed.password1 = "correct horse"
refused(422, "invalid_request", ["/password1"], passwords.change_password, "3", changed)
users.delete_user("3")
refused(404, "not_found", [], users.get_user, "3")
