<?php
// Creates, changes, lists and deletes a user with the client that openapi-generator generates.

namespace GuzzleHttp\Psr7 {
    // The shim: guzzlehttp/psr7 2 has this function only as a method.
    function build_query(array $params)
    {
        return Query::build($params);
    }
}

namespace {
    use OpenAPI\Client\Api\PasswordsApi;
    use OpenAPI\Client\Api\TokensApi;
    use OpenAPI\Client\Api\UsersApi;
    use OpenAPI\Client\ApiException;
    use OpenAPI\Client\Configuration;
    use OpenAPI\Client\Model\ChangeOwnPassword;
    use OpenAPI\Client\Model\ChangePassword;
    use OpenAPI\Client\Model\CreateUser;
    use OpenAPI\Client\Model\LogIn;
    use OpenAPI\Client\Model\UpdateUser;

    error_reporting(E_ALL & ~E_DEPRECATED); // the generated classes are written for PHP 7
    require 'GuzzleHttp/autoload.php';
    spl_autoload_register(function ($class) {
        require __DIR__ . '/api/php/lib/' . strtr(substr($class, strlen('OpenAPI\Client\\')), '\\', '/') . '.php';
    });

    function configuration($token)
    {
        return (new Configuration())->setHost(getenv('SERVER_URL'))->setAccessToken($token);
    }

    function want($expected, $got)
    {
        if ($got !== $expected) {
            throw new Exception(var_export($got, true) . ' and not ' . var_export($expected, true));
        }
    }

    function refused($status, $code, $pointers, $call)
    {
        try {
            $call();
        } catch (ApiException $e) {
            $problem = json_decode($e->getResponseBody());
            want([$status, $code, $pointers], [$e->getCode(), $problem->code, array_column($problem->errors, 'pointer')]);
            return;
        }
        throw new Exception("$status $code was expected");
    }

    $users = new UsersApi(null, configuration(getenv('TOKEN')));
    $passwords = new PasswordsApi(null, configuration(getenv('TOKEN')));
    $new = new CreateUser(['nick_name' => 'bob', 'password' => 'correct horse', 'enterprise_id' => 'default', 'phone' => '1']);
    $created = $users->createUser($new);
    want([3, true, null], [$created->getUserId(), $created->getIsActive(), $created->getEmail()]);
    want((string) $created, (string) $users->getUser('3'));

    $update = fn ($body) => $users->updateUser('3', null, null, $body);
    want(true, $update(new UpdateUser())->getIsActive());
    want(null, $update(['is_active' => null])->getIsActive()); // UpdateUser leaves null out
    want(false, $update(new UpdateUser(['is_active' => false]))->getIsActive());
    want('', $update(new UpdateUser(['phone' => '']))->getPhone());
    want('bob@example.com', $update(new UpdateUser(['is_active' => true, 'email' => 'bob@example.com']))->getEmail());

    $listed = $users->listUsers('bob');
    want([1, 'bob'], [$listed->getTotal(), $listed->getUsers()[0]->getNickName()]);
    $changed = new ChangePassword(['user_id' => 3, 'password' => 'battery staple', 'password1' => 'battery staple']);
    want(3, $passwords->changePassword('3', $changed)->getUserId());
    $tokens = new TokensApi(null, configuration(null));
    $token = $tokens->createAuthToken(new LogIn(['username' => 'bob@example.com', 'password' => 'battery staple']))->getToken();
    $bob = new UsersApi(null, configuration($token));
    want('bob', $bob->getUser('3')->getNickName());
    $own = new ChangeOwnPassword(['password' => 'correct horse', 'password1' => 'correct horse']);
    (new PasswordsApi(null, configuration($token)))->changeOwnPassword($own);

    try { // This client checks headers itself, so it cannot get a 400.
        $users->getUser('3', 'x');
        throw new Exception('the client sent a malformed header');
    } catch (InvalidArgumentException $e) {
    }
    refused(401, 'unauthenticated', [], fn () => (new UsersApi(null, configuration('wrong')))->getUser('3'));
    $wrong = new LogIn(['username' => 'default/ada', 'password' => 'wrong']);
    refused(401, 'invalid_credentials', [], fn () => $tokens->createAuthToken($wrong));
    refused(429, 'too_many_requests', [], fn () => $tokens->createAuthToken($wrong));
    refused(403, 'forbidden', ['/is_active'], fn () => $bob->updateUser('3', null, null, new UpdateUser(['is_active' => true])));
    refused(404, 'not_found', [], fn () => $users->getUser('9'));
    refused(409, 'nick_name_taken', ['/nick_name'], fn () => $users->createUser($new));
    refused(412, 'precondition_failed', [], fn () => $users->updateUser('3', '"1"'));
    refused(413, 'content_too_large', [], fn () => $users->createUser(['origion' => str_repeat('x', 70000)]));
    $changed->setPassword1('correct horse');
    refused(422, 'invalid_request', ['/password1'], fn () => $passwords->changePassword('3', $changed));
    $users->deleteUser('3');
    refused(404, 'not_found', [], fn () => $users->getUser('3'));
}
