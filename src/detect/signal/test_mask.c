#include "core/test.h"
#include "signal/signal.h"

/* A text, and the same masked. */
static const char *const masked_table[] = {
    "mysql --password hunter2 -h db",
    "mysql --password **** -h db",
    "mysql --password=hunter2 -h db",
    "mysql --password=**** -h db",
    "mysql -password hunter2",
    "mysql -password ****",
    "mysql --password 'two words' x",
    "mysql --password '****' x",
    "x --password=\"a \\\" b\" y",
    "x --password=\"****\" y",
    "x --password=\"never closed",
    "x --password=\"****",
    "env DB_PASSWORD=a&b;c,d PATH=/bin",
    "env DB_PASSWORD=**** PATH=/bin",
    "PGPASSWORD=x psql",
    "PGPASSWORD=**** psql",
    "AWS_SECRET_ACCESS_KEY=abc AWS_ACCESS_KEY_ID=k",
    "AWS_SECRET_ACCESS_KEY=**** AWS_ACCESS_KEY_ID=k",
    "password = x y",
    "password = **** y",
    "Password1=x",
    "Password1=****",
    "api_key:abc x",
    "api_key:**** x",
    "apikey=abc API-KEY=abc x-api-key: abc",
    "apikey=**** API-KEY=**** x-api-key: ****",
    "curl -H Authorization: Bearer abc.def http://x",
    "curl -H Authorization: Bearer **** http://x",
    "curl -H 'Authorization: Basic YTpi' x",
    "curl -H 'Authorization: Basic ****' x",
    "Proxy-Authorization: abc",
    "Proxy-Authorization: ****",
    "X-Auth: Bearer 0123456789abcdef0",
    "X-Auth: Bearer ****",
    "curl https://joe:s3cr3t@host/p?x=1",
    "curl https://joe:****@host/p?x=1",
    "curl https://joe:p@ss@host:80/",
    "curl https://joe:****@host:80/",
    "http://h/?token=abc&user=joe#f",
    "http://h/?token=****&user=joe#f",
    "{\"password\":\"x y\",\"user\":\"joe\"}",
    "{\"password\":\"****\",\"user\":\"joe\"}",
    "{\"password\" : 12}",
    "{\"password\" : ****",
    "{\\\"token\\\":\\\"x\\\",\\\"a\\\":1}",
    "{\\\"token\\\":\\\"****\\\",\\\"a\\\":1}",
    "[\"--password\",\"x\",\"-v\"]",
    "[\"--password\",\"****\",\"-v\"]",
    "'secret' => 'x'",
    "'secret' => '****'",
    "sh -c \"export TOKEN=abc && run\"",
    "sh -c \"export TOKEN=**** && run\"",
    "sh -c \"run TOKEN=abc\"",
    "sh -c \"run TOKEN=****\"",
    "kubectl x --from-literal=password=abc",
    "kubectl x --from-literal=password=****",
    "java -Djavax.net.ssl.keyStorePassword=x A",
    "java -Djavax.net.ssl.keyStorePassword=**** A",
    "x --private-key k --passphrase p --pass q",
    "x --private-key **** --passphrase **** --pass ****",
    "MYSQL_PWD=x --pwd y DB_PASS=z",
    "MYSQL_PWD=**** --pwd **** DB_PASS=****",
    "--client-secret s --token t",
    "--client-secret **** --token ****",
    "don't --token x isn't",
    "don't --token **** isn't",
};

/* Texts without a secret. */
static const char *const plain_table[] = {
    "psql --password -h db",
    "psql --no-password db",
    "PASSWORD= next",
    "the bearer of news",
    "curl https://joe@host:8080/a@b",
    "PWD=/root OLDPWD=/tmp",
    "python tokenizer.py --tokens 5",
    "x --token-file /run/token --password-file f",
    "--authorization-mode=RBAC --token-ttl=5m",
    "cat /etc/passwd /etc/shadow",
    "docker run -v /etc/passwd:/etc/passwd:ro x",
    "std::token::x bypass=1 compass: n",
    "mkdir -p x; ssh -p 22 host",
    "vi secret.txt; passwd root; get secret x",
    "ends with --password",
    "ends with password=",
    "password:",
    "",
};

static void check_masked(const char *text, const char *expected)
{
    struct writer out;
    writer_init(&out, 4096);
    mask_text(&out, span_str(text));
    writer_byte(&out, 0);
    assert_false(out.is_full);
    if (strcmp((const char *)out.data, expected) != 0)
        fail_msg("%s\n became   %s\n expected %s", text, (const char *)out.data, expected);
    writer_free(&out);
}

static void masks_values_behind_names_and_nothing_else(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof masked_table / sizeof *masked_table; index += 2)
        check_masked(masked_table[index], masked_table[index + 1]);
    for (size_t index = 0; index < sizeof plain_table / sizeof *plain_table; index++)
        check_masked(plain_table[index], plain_table[index]);
}

/* Whatever the cut, a secret that was masked in the whole is not shown by a part that still has its
 * name. */
static void no_truncation_shows_a_secret(void **state)
{
    (void)state;
    static const char text[] =
        "a --password 'hun ter2' TOKEN=\"hun ter2\" {\"secret\": \"hun ter2\"}";
    struct writer out;
    writer_init(&out, 4096);
    for (size_t len = 0; len < sizeof text; len++) {
        writer_reset(&out);
        mask_text(&out, span_of(text, len));
        assert_false(span_contains(writer_span(&out), SPAN("hu")));
    }
    writer_free(&out);
}

static void arguments_keep_their_bounds(void **state)
{
    (void)state;
    static const char *const argument_table[][2] = {
        {"curl", "curl"},
        {"--password", "--password"},
        {"two words -x", "****"},
        {"--token=a b c", "--token=****"},
        {"Authorization: Bearer a b", "Authorization: Bearer ****"},
        {"PASSWORD=a 'b", "PASSWORD=****"},
        {"--secret", "--secret"},
        {"-v", "-v"},
        {"plain", "plain"},
        {"--token", "--token"},
        {"", ""},
        {"https://a:b@c/", "https://a:****@c/"},
        {"PASSWORD=", "PASSWORD="},
        {"tokenizer.py", "tokenizer.py"},
    };
    struct writer out;
    writer_init(&out, 4096);
    bool is_value = false;
    for (size_t index = 0; index < sizeof argument_table / sizeof *argument_table; index++) {
        writer_reset(&out);
        mask_argument(&out, span_str(argument_table[index][0]), &is_value);
        writer_byte(&out, 0);
        assert_false(out.is_full);
        assert_string_equal((const char *)out.data, argument_table[index][1]);
    }
    writer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_values_behind_names_and_nothing_else),
        cmocka_unit_test(no_truncation_shows_a_secret),
        cmocka_unit_test(arguments_keep_their_bounds),
    };
    return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
