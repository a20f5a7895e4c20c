/* A log that is written, rotated in every way, packed and deleted, while its follower reads,
 * commits and dies, in random order: every line comes once. Each seed is one order. */
#include "follow/test_rig.h"

#define SEEDS     60
#define STEPS     150
#define LINES_MAX 8192
#define OLD_MAX   64

struct writing {
    struct rig *rig;
    uint64_t random;
    unsigned lines; /* written */
    unsigned olds;  /* rotated files: a.log.0 and on */
    bool is_there[OLD_MAX];
    bool is_packed[OLD_MAX];
    char half[64]; /* of a line that is begun */
};

static unsigned draw(struct writing *writing, unsigned below)
{
    writing->random = writing->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(writing->random >> 33) % below;
}

static void line_write(struct writing *writing, const char *name)
{
    char line[96];
    static const char padding[] = "........................................";
    snprintf(line, sizeof line, "%u %.*s\n", writing->lines++, (int)draw(writing, 40), padding);
    rig_append(writing->rig, name, line);
}

static void lines_write(struct writing *writing)
{
    if (writing->lines > LINES_MAX - 64)
        return;
    if (writing->half[0]) {
        rig_append(writing->rig, "a.log", writing->half);
        writing->half[0] = 0;
    }
    for (unsigned count = draw(writing, 20); count; count--)
        line_write(writing, "a.log");
    if (draw(writing, 3) == 0) { /* ends inside a line */
        char begin[16];
        snprintf(begin, sizeof begin, "%u ", writing->lines++);
        rig_append(writing->rig, "a.log", begin);
        snprintf(writing->half, sizeof writing->half, "the rest\n");
    }
}

static void half_end(struct writing *writing, const char *name)
{
    if (writing->half[0])
        rig_append(writing->rig, name, writing->half);
    writing->half[0] = 0;
}

static bool log_is_there(const struct writing *writing)
{
    return faccessat(writing->rig->place->fd, "a.log", F_OK, 0) == 0;
}

/* The writer goes on in the renamed file for a while. */
static void rotate_by_rename(struct writing *writing)
{
    char name[32];
    if (writing->olds == OLD_MAX || !log_is_there(writing))
        return;
    snprintf(name, sizeof name, "a.log.%u", writing->olds);
    rig_rename(writing->rig, "a.log", name);
    writing->is_there[writing->olds++] = true;
    if (draw(writing, 2))
        rig_look(writing->rig);
    half_end(writing, name);
    for (unsigned count = draw(writing, 4); count; count--)
        line_write(writing, name);
}

static void rotate_by_copy(struct writing *writing)
{
    char name[32];
    if (writing->olds == OLD_MAX || !log_is_there(writing))
        return;
    half_end(writing, "a.log");
    snprintf(name, sizeof name, "a.log.%u", writing->olds);
    rig_copy(writing->rig, "a.log", name);
    writing->is_there[writing->olds++] = true;
    if (draw(writing, 2))
        rig_turn(writing->rig, draw(writing, 1500));
    rig_truncate(writing->rig, "a.log");
}

static void pack(struct writing *writing)
{
    char name[32];
    unsigned number = writing->olds ? draw(writing, writing->olds) : OLD_MAX;
    if (number == OLD_MAX || !writing->is_there[number] || writing->is_packed[number])
        return;
    snprintf(name, sizeof name, "a.log.%u", number);
    rig_gzip(writing->rig, name, true);
    if (draw(writing, 2))
        rig_look(writing->rig);
    rig_remove(writing->rig, name);
    writing->is_packed[number] = true;
}

/* What was deleted before anybody looked is nobody's. */
static void delete_one(struct writing *writing)
{
    char name[32];
    unsigned number = writing->olds ? draw(writing, writing->olds) : OLD_MAX;
    if (number == OLD_MAX || !writing->is_there[number])
        return;
    rig_turn(writing->rig, 1);
    rig_turn(writing->rig, 1100);
    rig_turn(writing->rig, 61000);
    rig_turn(writing->rig, 1100);
    rig_turn(writing->rig, 1100);
    rig_commit(writing->rig);
    snprintf(name, sizeof name, "a.log.%u%s", number, writing->is_packed[number] ? ".gz" : "");
    rig_remove(writing->rig, name);
    writing->is_there[number] = false;
}

static void step(struct writing *writing)
{
    struct rig *rig = writing->rig;
    switch (draw(writing, 16)) {
    case 0:
        rotate_by_rename(writing);
        break;
    case 1:
        rotate_by_copy(writing);
        break;
    case 2:
        pack(writing);
        break;
    case 3:
        delete_one(writing);
        break;
    case 4:
        rig_crash(rig);
        rig_look(rig);
        break;
    case 5:
        rig_restart(rig);
        rig_look(rig);
        break;
    case 6:
    case 7:
    case 8:
        rig_commit(rig);
        break;
    case 9:
        rig_look(rig);
        break;
    case 10:
    case 11:
    case 12:
        rig_look(rig);
        rig_read(rig, draw(writing, 800), draw(writing, 30));
        break;
    default:
        lines_write(writing);
    }
}

static void check(struct writing *writing, uint64_t seed)
{
    static uint8_t seen[LINES_MAX];
    span rest = writer_span(&writing->rig->out), line;
    unsigned missing = 0, doubled = 0;
    memset(seen, 0, sizeof seen);
    while (span_until(&rest, '\n', &line)) {
        unsigned number = 0;
        assert_true(line.len && line.data[0] != '!');
        for (size_t at = 0; at < line.len && line.data[at] != ' '; at++)
            number = number * 10 + (line.data[at] - '0');
        assert_true(number < writing->lines);
        seen[number]++;
    }
    for (unsigned number = 0; number < writing->lines; number++) {
        missing += seen[number] == 0;
        doubled += seen[number] > 1;
    }
    if (missing || doubled)
        fail_msg("seed %llu: of %u lines %u are missing and %u doubled", (unsigned long long)seed,
                 writing->lines, missing, doubled);
}

static void every_line_comes_once(void **state)
{
    const char *from = getenv("SEED"); /* other orders */
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + SEEDS; seed++) {
        struct writing writing = {.rig = rig_open(state, "a.log*"), .random = seed * 7919};
        for (unsigned count = 0; count < STEPS; count++)
            step(&writing);
        if (log_is_there(&writing))
            half_end(&writing, "a.log");
        for (unsigned turn = 0; turn < 8; turn++) {
            rig_turn(writing.rig, 1100);
            rig_turn(writing.rig, 61000);
        }
        check(&writing, seed);
        assert_int_equal(follow_counts(writing.rig->follow).faults, 0);
        test_place_empty(writing.rig->place->fd);
        rig_close(writing.rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {IN_PLACE(every_line_comes_once)};
    return cmocka_run_group_tests_name("follow_rotation", tests, NULL, NULL);
}
