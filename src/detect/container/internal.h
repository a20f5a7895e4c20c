/* What the files of this module share; nothing outside includes it. */
#pragma once

#include <jansson.h>
#include <stdlib.h>

#include "container/container.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/map.h"
#include "core/span.h"
#include "core/writer.h"

/* ---- limits: what a hostile description may cost ---- */

#define INFO_BYTES_MAX   (128 * 1024) /* of one container's facts */
#define LABELS_MAX       256
#define MOUNTS_MAX       256
#define TEXT_BYTES_MAX   4096
#define JSON_DEPTH_MAX   64
#define PARSE_BYTES_MAX  (1024 * 1024)     /* of one container's file */
#define INDEX_BYTES_MAX  (4 * 1024 * 1024) /* of a file about all containers or images */
#define SQLITE_BYTES_MAX (16 * 1024 * 1024)
#define BOLT_BYTES_MAX   (16 * 1024 * 1024) /* of the pages that one search reads */

/* ---- names (cgroup.c) ---- */

bool is_hex_id(span s);
bool is_plain_word(span s);

/* ---- facts under construction (facts.c) ---- */

/* Parsers fill info from one file; texts are copied into the arena. What is there already stays:
 * the first file that knows wins. */
struct facts {
    struct container_info *info;
    struct arena *arena;
};

/* Copies s into *field unless the field is set or s is empty; over TEXT_BYTES_MAX or out of room:
 * absent, and is_cut. */
void facts_text(struct facts *facts, span *field, span s);
void facts_truth(enum container_truth *field, bool is_true);
/* Copies an object of strings; other values are left out. */
void facts_labels(struct facts *facts, const json_t *object);
void facts_pod_labels(struct facts *facts, const json_t *object);
/* Labels that lie elsewhere, before they are copied. */
struct label_list {
    struct container_label labels[LABELS_MAX];
    size_t count;
    bool is_cut;
};
/* A bolt_each_fn over a struct label_list. */
bool label_list_add(void *list, span key, span value);
void facts_label_list(struct facts *facts, const struct label_list *list, bool is_pod);
/* Room for *count mounts, which is lowered to what is kept; NULL when there is none or the mounts
 * are known. The caller fills them and sets info->mounts and mount_count. */
struct container_mount *facts_mounts_begin(struct facts *facts, size_t *count);
span facts_copy(struct facts *facts, span s);
/* Splits "registry:5000/a/b:tag@sha256:…" into repository, tag and digest. */
void facts_image_name(struct facts *facts, span image);
/* "sha256:hex" or hex to hex. */
span without_algorithm(span digest);
/* RFC 3339, as Go writes it; 0 for what is not one and for the year 1. */
uint64_t time_parse(span text);

/* ---- JSON (json.c) ---- */

/* Parses a whole file; ERR_INPUT says line and column. The caller frees with json_decref. */
MUST_USE err_kind json_parse(span bytes, json_t **ret, struct err_ctx *err);
static inline void auto_json(json_t **value)
{
    json_decref(*value);
}
/* A string's bytes; data NULL for what is not a string. */
span json_span(const json_t *value);

/* ---- TOML (toml.c): strings of containerd's, CRI-O's and containers/storage's settings ---- */

struct toml {
    span rest;
    span section; /* "plugins.\"io.containerd.grpc.v1.cri\"" as written; empty at the top */
    size_t line;
};
/* The next `key = "string"`; other kinds of values are passed over. False: the end. */
bool toml_next(struct toml *toml, span *ret_key, span *ret_value);

/* ---- where to look (roots.c) ---- */

enum root_kind {
    ROOT_DOCKER,           /* data root */
    ROOT_CONTAINERD_STATE, /* bundles */
    ROOT_CONTAINERD_DATA,  /* metadata */
    ROOT_STORAGE,          /* containers/storage's graph root: podman, CRI-O */
    ROOT_STORAGE_RUN,      /* its run root */
    ROOT_KIND_COUNT,
};

#define ROOTS_MAX  12 /* of a kind */
#define SPACES_MAX 8  /* containerd's namespaces; storage drivers */

struct word_list {
    char words[SPACES_MAX][OPENER_NAME_BYTES];
    size_t count;
};

struct root {
    char path[OPENER_ROOT_BYTES];
    bool is_proven; /* a container was found there: not pushed out by names that were only said */
};

struct roots {
    struct root list[ROOT_KIND_COUNT][ROOTS_MAX]; /* last learned first */
    size_t count[ROOT_KIND_COUNT];
    struct word_list spaces;
    struct word_list drivers;
    uint32_t generation; /* grows with every change */
};

void roots_init(struct roots *roots);
/* False: known already, or no path that could be asked for. */
bool roots_add(struct roots *roots, enum root_kind kind, span path);
bool words_add(struct word_list *list, span word);

/* ---- reading (sources.c) ---- */

struct sources {
    container_open_fn open;
    void *context;
    struct roots roots;
    bool has_settings; /* the runtimes' own settings were read */
    struct container_stats stats;
};

struct file {
    uint8_t *data;
    size_t len;
};
static inline void auto_file(struct file *file)
{
    free(file->data);
}

/* The file's bytes up to its end; one over the limit is refused whole. */
MUST_USE err_kind file_read(int fd, size_t bytes_max, struct file *ret, struct err_ctx *err);
/* A descriptor that the caller owns, or negative. */
int sources_open(struct sources *sources, const struct open_request *request);
/* Reads a whole file of at most bytes_max. False: not there, or not readable (counted). */
bool sources_read(struct sources *sources, const struct open_request *request, size_t bytes_max,
                  struct file *ret);
/* Counts a file that could not be parsed. */
void sources_complain(struct sources *sources, const struct open_request *request,
                      struct err_ctx *err);
/* A request with these parts; false when one is too long. */
bool request_init(struct open_request *request, enum open_template what, const char *root, span id,
                  span name);
/* Reads daemon.json, config.toml, storage.conf and crio.conf from where they lie by default. */
void sources_settings(struct sources *sources);
bool sources_daemon(struct sources *sources, span exe, span argv, span cwd);

/* ---- stored facts (wire.c): little endian, framed by magic, version, length and checksum ---- */

void wire_u32(struct writer *out, uint32_t value);
void wire_u64(struct writer *out, uint64_t value);
void wire_text(struct writer *out, span text); /* keeps data NULL apart from empty */
/* Returns where the frame begins; wire_end fills its head in. */
size_t wire_begin(struct writer *out, uint32_t magic);
void wire_end(struct writer *out, size_t begin);
/* Checks the head and the checksum; the payload is what the three takers then read. */
MUST_USE err_kind wire_open(span bytes, uint32_t magic, span *ret_payload, struct err_ctx *err);
MUST_USE bool wire_take_text(span *s, size_t bytes_max, span *ret);

/* store.c: one container. Load copies into the arena; false: not well formed. */
void info_save(const struct container_info *info, struct writer *out);
MUST_USE bool info_load(span *s, struct facts *facts);

#define WIRE_CONTAINERS 0x31434b50u /* "PKC1" */
#define WIRE_USERS      0x31554b50u /* "PKU1" */

/* ---- the runtimes' files ---- */

/* Each fills facts (its id is set) from what lies on disk; false: the runtime does not know it. */
bool docker_find(struct sources *sources, struct facts *facts);
bool containerd_find(struct sources *sources, span space, struct facts *facts);
bool storage_find(struct sources *sources, struct facts *facts);

/* Adds what podman's own database below a storage root knows. */
void podman_read(struct sources *sources, const char *root, struct facts *facts);

MUST_USE err_kind docker_config_parse(span bytes, struct facts *facts, span *ret_driver,
                                      struct err_ctx *err);
MUST_USE err_kind docker_host_config_parse(span bytes, struct facts *facts, struct err_ctx *err);
MUST_USE err_kind docker_repositories_parse(span bytes, struct facts *facts, struct err_ctx *err);
/* runtime-spec config.json with the annotations of containerd's CRI, CRI-O, podman, nerdctl */
MUST_USE err_kind oci_spec_parse(span bytes, struct facts *facts, struct err_ctx *err);
MUST_USE err_kind storage_containers_parse(span bytes, struct facts *facts, bool *ret_found,
                                           struct err_ctx *err);
MUST_USE err_kind storage_images_parse(span bytes, struct facts *facts, struct err_ctx *err);
MUST_USE err_kind podman_config_parse(span bytes, struct facts *facts, struct err_ctx *err);
MUST_USE err_kind podman_sqlite_parse(struct file *file, struct facts *facts, struct err_ctx *err);

/* ---- users (passwd.c) ---- */

#define USER_ROWS_MAX  16384
#define USER_BYTES_MAX (1024 * 1024) /* of a passwd or group file */
#define NAME_BYTES_MAX 256
#define ID_RANGES_MAX  16

struct user_row {
    uint32_t id;
    span name, home, shell; /* in the table's text; home and shell of users only */
};

struct user_table {
    struct file text;      /* owned */
    struct user_row *rows; /* by id, the file's order within one id */
    size_t count;
};

/* Fills rows from text; false: it holds no entry. */
bool user_table_parse(struct user_table *table, bool is_group);
void user_table_free(struct user_table *table);
const struct user_row *user_table_find(const struct user_table *table, uint32_t id);

struct id_range {
    uint32_t inside, outside, count;
};

struct id_map {
    struct id_range ranges[ID_RANGES_MAX];
    size_t count;
};

/* False: not a map of at most ID_RANGES_MAX lines. */
MUST_USE bool id_map_parse(span bytes, struct id_map *ret);
/* The id inside the namespace; false: it has none there. */
MUST_USE bool id_map_inside(const struct id_map *map, uint32_t outside, uint32_t *ret);
