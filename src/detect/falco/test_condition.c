/* Conditions and events with the answers of Falco's language. */
#include <stdlib.h>

#include "falco/test_support.h"

static char *condition_rule(const char *condition)
{
    char *yaml = malloc(8192);
    assert_non_null(yaml);
    snprintf(yaml, 8192,
             "- list: shells\n  items: [bash, sh, 'my shell']\n"
             "- list: one\n  items: [only]\n"
             "- macro: spawned\n  condition: evt.type in (execve, execveat)\n"
             "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n    %s\n",
             condition);
    return yaml;
}

struct match_case {
    const char *condition;
    const char *event;
    bool matches;
};

#define IPV6 "fd.sip=@2001:db8::1"

/* clang-format off */
static const struct match_case match_cases[] = {
  /* equality, order, absence */
    {"proc.name = bash", "proc.name=bash", true},
    {"proc.name == bash", "proc.name=bash2", false},
    {"proc.name=bash", "proc.name=bash", true},
    {"proc.name != bash", "proc.name=sh", true},
    {"proc.name != bash", "proc.name=bash", false},
    {"proc.name != bash", "", false},
    {"not proc.name = bash", "", true},
    {"not proc.name != bash", "", true},
    {"proc.name exists", "proc.name=", true},
    {"proc.name exists", "", false},
    {"not proc.name exists", "", true},
    {"proc.name = \"\"", "proc.name=", true},
    {"proc.name < 5", "proc.name=4", true},
    {"proc.name >= 5", "proc.name=4", false},
 /* numbers */
    {"evt.num = 5", "evt.num=#5", true},
    {"evt.num = 0x10", "evt.num=#16", true},
    {"evt.num != 5", "evt.num=#6", true},
    {"evt.num < -1", "evt.num=#-2", true},
    {"evt.num <= 5", "evt.num=#5", true},
    {"evt.num > 5", "evt.num=#5", false},
    {"evt.num >= 1e+2", "evt.num=#100", true},
    {"evt.num in (1, 2, 3)", "evt.num=#2", true},
    {"evt.num in (1, 2, 3)", "evt.num=#4", false},
    {"evt.num = 9223372036854775807", "evt.num=#9223372036854775806", false},
    {"evt.num = 18446744073709551615", "evt.num=#18446744073709551615", true},
    {"evt.num = 18446744073709551615", "evt.num=#-1", false},
    {"evt.num = 5", "", false},
    {"proc.duration < 5000000000", "proc.duration=#4999999999", true},
    {"evt.rawarg.res < 0", "evt.rawarg[res]=#-13", true},
    {"evt.rawarg.res < 0", "evt.rawarg[res]=#13", false},
    {"evt.rawarg.res = 13", "evt.rawarg[res]=#13", true},
    {"evt.rawarg.res contains 3", "evt.rawarg[res]=#13", true},
 /* bools */
    {"evt.failed = true", "evt.failed=!true", true},
    {"evt.failed=false", "evt.failed=!true", false},
    {"evt.failed != true", "evt.failed=!false", true},
    {"evt.failed in (true, false)", "evt.failed=!false", true},
 /* text */
    {"proc.cmdline contains -p", "proc.cmdline=nc -p 1", true},
    {"proc.cmdline contains '-P'", "proc.cmdline=nc -p 1", false},
    {"proc.cmdline icontains '-P'", "proc.cmdline=nc -p 1", true},
    {"proc.cmdline contains ''", "proc.cmdline=", true},
    {"proc.cmdline startswith nc", "proc.cmdline=nc -p", true},
    {"proc.cmdline startswith nc", "proc.cmdline=n", false},
    {"proc.cmdline endswith .py", "proc.cmdline=x.py", true},
    {"proc.cmdline endswith .py", "proc.cmdline=py", false},
    {"fd.name glob '/home/*/.ssh/*'", "fd.name=/home/a/b/.ssh/id", true},
    {"fd.name glob /etc/pass??", "fd.name=/etc/passwd", true},
    {"fd.name glob /etc/pass??", "fd.name=/etc/passwds", false},
    {"fd.name glob '/[a-e]tc/[!x]*'", "fd.name=/etc/passwd", true},
    {"fd.name glob '/[[:digit:]]'", "fd.name=/7", true},
    {"fd.name glob *a*a*a*a*a*a*b", "fd.name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"fd.name iglob /ETC/*", "fd.name=/etc/passwd", true},
    {"fd.name glob /ETC/*", "fd.name=/etc/passwd", false},
    {"proc.name regex '[a-z]+[0-9]'", "proc.name=ab1", true},
    {"proc.name regex '[a-z]+[0-9]'", "proc.name=ab12", false},
    {"proc.name regex 'a|ab'", "proc.name=ab", true},
    {"proc.name regex 'a.c'", "proc.name=a\nc", false},
    {"proc.name regex 'a.c'",
     "proc.name=a\xc3\xa4"
     "c", true},
    {"proc.name regex 'a.*c'",
     "proc.name=a\xff"
     "c", true},
 /* lists */
    {"proc.name in (bash, sh)", "proc.name=sh", true},
    {"proc.name in (bash, sh)", "proc.name=zsh", false},
    {"proc.name in (shells)", "proc.name=my shell", true},
    {"proc.name in (a, shells, b)", "proc.name=b", true},
    {"proc.name in shells", "proc.name=bash", true},
    {"proc.name in (\"shells\")", "proc.name=shells", true},
    {"proc.name in ()", "proc.name=shells", false},
    {"proc.name = one", "proc.name=only", true},
    {"proc.name in (bash) or proc.name in(sh)", "proc.name=sh", true},
    {"not proc.name in (bash)", "", true},
    {"proc.name intersects (bash, sh)", "proc.name=sh", true},
    {"proc.args in (a, b)", "proc.args=[a,b]", true},
    {"proc.args in (a, b)", "proc.args=[a,c]", false},
    {"proc.args intersects (a, b)", "proc.args=[a,c]", true},
    {"proc.args intersects (a, b)", "proc.args=[]", false},
    {"proc.args in (a, b)", "proc.args=[]", false},
    {"proc.name startswith anyof (ba, z)", "proc.name=zsh", true},
    {"proc.name startswith anyof (ba, z)", "proc.name=sh", false},
    {"proc.cmdline contains allof (a, b)", "proc.cmdline=b-a", true},
    {"proc.cmdline contains allof (a, b)", "proc.cmdline=b", false},
    {"proc.cmdline contains oneof (a, b)", "proc.cmdline=b", true},
    {"proc.cmdline contains oneof (a, b)", "proc.cmdline=ab", false},
    {"proc.name != allof (a, b)", "proc.name=c", true},
    {"proc.name != allof (a, b)", "proc.name=b", false},
    {"proc.name != allof (a, b)", "", false},
    {"proc.name != allof ()", "proc.name=b", false},
    {"proc.name = allof ()", "proc.name=b", false},
    {"proc.name = anyof ()", "proc.name=b", false},
    {"proc.name = oneof ()", "proc.name=b", false},
    {"proc.name != oneof (a, b)", "proc.name=b", true},
    {"proc.name != oneof (a, b)", "proc.name=c", false},
    {"proc.name != anyof (a, b)", "proc.name=b", true},
    {"proc.name glob anyof (a*, b?)", "proc.name=bc", true},
    {"proc.name = anyof shells", "proc.name=sh", true},
    {"proc.name intersects ()", "proc.name=b", false},
    {"fd.name pmatch ()", "fd.name=/x", false},
    {"proc.name regex anyof ('a+', 'b+')", "proc.name=bb", true},
    {"proc.name = anyof", "proc.name=anyof", true},
    {"proc.name = anyof and evt.num = 1", "proc.name=anyof;evt.num=#1", true},
 /* ancestors: any of them, also with in */
    {"proc.aname = sshd", "proc.aname=[bash,sshd]", true},
    {"proc.aname in (sshd, x)", "proc.aname=[bash,sshd]", true},
    {"proc.aname in (y, x)", "proc.aname=[bash,sshd]", false},
    {"proc.aname startswith ss", "proc.aname=[bash,sshd]", true},
    {"proc.aname != sshd", "proc.aname=[bash,sshd]", true},
    {"not proc.aname = sshd", "proc.aname=[bash,sshd]", false},
    {"proc.aname[2] = sshd", "proc.aname[2]=sshd", true},
    {"proc.aname[2] = sshd", "proc.aname[3]=sshd", false},
    {"proc.env[HOME] = /root", "proc.env[HOME]=/root", true},
    {"proc.env['HOME'] = /root", "proc.env[HOME]=/root", true},
    {"evt.arg.flags contains O_X", "evt.arg[flags]=O_X|O_Y", true},
    {"evt.arg[flags] contains O_X", "evt.arg[flags]=O_X|O_Y", true},
 /* paths */
    {"fd.name pmatch (/etc, /var/run)", "fd.name=/var/run/x", true},
    {"fd.name pmatch (/etc, /var/run)", "fd.name=/var/running", false},
    {"fd.name pmatch (/etc, /var/run)", "fd.name=/var/run", true},
    {"fd.name pmatch (/etc, /var/run)", "fd.name=//var///run/", true},
    {"fd.name pmatch (/)", "fd.name=/x", true},
    {"fd.name pmatch (/home/*/.ssh)", "fd.name=/home/u/.ssh/id", true},
    {"fd.name pmatch (/home/*/.ssh)", "fd.name=/home/u/v/.ssh/id", false},
 /* addresses */
    {"fd.sip = 10.0.0.1", "fd.sip=@10.0.0.1", true},
    {"fd.sip = ::ffff:10.0.0.1", "fd.sip=@10.0.0.1", true},
    {"fd.sip = 2001:db8::1", IPV6, true},
    {"fd.sip != 10.0.0.1", IPV6, true},
    {"fd.sip in (10.0.0.1, 10.0.0.2)", "fd.sip=@10.0.0.2", true},
    {"fd.snet = 10.0.0.0/9", "fd.snet=@10.127.255.255", true},
    {"fd.snet = 10.0.0.0/9", "fd.snet=@10.128.0.0", false},
    {"fd.snet in (192.168.0.0/16, 2001:db8::/32)", "fd.snet=@2001:db8::5", true},
    {"fd.snet in (192.168.0.0/16)", "fd.snet=192.168.3.4", true},
    {"fd.snet != 10.0.0.0/8", "fd.snet=@2001:db8::5", true},
    {"fd.ip = 10.0.0.1", "fd.ip=@[1.2.3.4,10.0.0.1]", true},
    {"fd.ip in (10.0.0.1)", "fd.ip=@[1.2.3.4,10.0.0.1]", true},
 /* bytes */
    {"evt.buffer contains CA", "evt.buffer=xCAx", true},
    {"evt.buffer bcontains 4341", "evt.buffer=xCAx", true},
    {"evt.buffer bstartswith 7843", "evt.buffer=xCAx", true},
    {"evt.buffer bstartswith 43", "evt.buffer=xCAx", false},
 /* escapes */
    {"proc.name = \"a\\\"b\"", "proc.name=a\"b", true},
    {"proc.name = 'a\\'b'", "proc.name=a'b", true},
    {"proc.name = 'a\\tb\\\\'", "proc.name=a\tb\\", true},
    {"proc.name = '\\x41'", "proc.name=A", true},
    {"proc.name = 'a\\ b'", "proc.name=a\\b", true},
 /* logic */
    {"proc.name = a or proc.name = b and evt.num = 1", "proc.name=a;evt.num=#2", true},
    {"(proc.name = a or proc.name = b) and evt.num = 1", "proc.name=a;evt.num=#2", false},
    {"not proc.name = a and evt.num = 2", "proc.name=b;evt.num=#2", true},
    {"not (proc.name = a and evt.num = 2)", "proc.name=a;evt.num=#3", true},
    {"not(proc.name = a)", "proc.name=b", true},
    {"not not proc.name = a", "proc.name=a", true},
    {"(proc.name = a)and(evt.num = 2)", "proc.name=a;evt.num=#2", true},
    {"spawned and proc.name = a", "evt.type=execve;proc.name=a", true},
    {"spawned and proc.name = a", "evt.type=open;proc.name=a", false},
    {"not spawned", "evt.type=open", true},
    {"evt.type != execve and proc.name = a", "evt.type=open;proc.name=a", true},
    {"evt.type != execve and proc.name = a", "evt.type=execve;proc.name=a", false},
    {"not evt.type in (execve)", "", true},
    {"evt.type startswith exec", "evt.type=execve", true},
    {"evt.dir = < and proc.name = a", "proc.name=a", true},
    {"evt.dir = > and proc.name = a", "proc.name=a", false},
    {"evt.dir=< and proc.name = a", "proc.name=a", true},
    {"evt.dir != '>' and proc.name = a", "proc.name=a", true},
    {"evt.dir in (<, >) and proc.name = a", "proc.name=a", true},
    {"evt.dir exists and proc.name = a", "proc.name=a", true},
 /* functions, fields on the right */
    {"tolower(proc.name) = bash", "proc.name=BaSH", true},
    {"toupper(proc.name) in (BASH)", "proc.name=BaSH", true},
    {"basename(fd.name) = passwd", "fd.name=/etc/passwd", true},
    {"basename(fd.name) = passwd", "fd.name=passwd", true},
    {"len(proc.name) > 3", "proc.name=bash", true},
    {"len(proc.aname) = 2", "proc.aname=[a,b]", true},
    {"len(proc.name) = 0", "", false},
    {"b64(proc.name) = hello", "proc.name=aGVsbG8=", true},
    {"b64(proc.name) = hello", "proc.name=aGVsbG8", true},
    {"b64(proc.name) exists", "proc.name=a!", false},
    {"tolower(b64(proc.name)) startswith he", "proc.name=SEVMTE8=", true},
    {"join(\"-\", (proc.name, proc.pname)) = a-b", "proc.name=a;proc.pname=b", true},
    {"join(\",\", proc.aname) = 'a,b'", "proc.aname=[a,b]", true},
    {"concat(proc.name, \"x\", proc.pname) = axb", "proc.name=a;proc.pname=b", true},
    {"concat(proc.name, proc.pname) exists", "proc.name=a", false},
    {"getopt(proc.args, \"ab:\")[b] = val", "proc.args=[-a,-b,val]", true},
    {"getopt(proc.args, \"ab:\")[b] = val", "proc.args=[-bval]", true},
    {"getopt(proc.args, \"ab:\")[a] exists", "proc.args=[x,-a]", false},
    {"proc.name = val(proc.pname)", "proc.name=a;proc.pname=a", true},
    {"proc.name = val(proc.pname)", "proc.name=a;proc.pname=b", false},
    {"proc.name = val(proc.pname)", "proc.name=a", false},
    {"proc.name != val(proc.pname)", "proc.name=a", false},
    {"proc.name startswith val(proc.pname)", "proc.name=bash;proc.pname=ba", true},
    {"proc.name = tolower(proc.pname)", "proc.name=a;proc.pname=A", true},
    {"evt.num < val(user.uid)", "evt.num=#1;user.uid=#2", true},
    {"proc.name = val(proc.aname)", "proc.name=b;proc.aname=[a,b]", true},
};
/* clang-format on */

static void conditions_give_the_answers_of_the_language(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 20);
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof match_cases / sizeof match_cases[0]; index++) {
        const struct match_case *one = &match_cases[index];
        char *yaml = condition_rule(one->condition);
        struct rule_program *program = test_load(yaml, &out);
        free(yaml);
        if (!program) {
            print_error("%s\n  does not load: %.*s", one->condition, (int)out.len, out.data);
            wrong++;
            continue;
        }
        if (test_match(program, one->event, NULL) != one->matches) {
            print_error("%s\n  on %s: expected %s\n", one->condition, one->event,
                        one->matches ? "a match" : "none");
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_give_the_answers_of_the_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
