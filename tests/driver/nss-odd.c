/*
 * A name service that answers whatever it is told to: what a directory server's own does on a bad day. Loaded by glibc where
 * /etc/nsswitch.conf says `nightlatch_odd`. What it answers stands in /etc/nightlatch-odd-names, which is read at every call: a
 * line each, fields by tabs, `\xHH` for any byte.
 *
 *   name    ASKED  NAME  UID  GID      getpwnam(ASKED) gives NAME, UID and GID
 *   uid     ASKED  NAME  UID  GID      the same for getpwuid
 *   group   NAME   GID   MEMBER,…      getgrnam
 *   groups  USER   GID,… | +COUNT      initgroups: these, or so many
 *   fail    CALL   STATUS  ERRNO       CALL is getpwnam, getpwuid, getgrnam or initgroups; STATUS tryagain, unavail or notfound
 *   sleep   CALL   MILLISECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIELDS = 5, FIRST_OF_MANY = 100000 };

/* Undoes `\xHH` where it stands. */
static void unescape(char *text)
{
	char *to = text;
	unsigned byte;
	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The next line of this kind about `asked` (NULL: about whatever); false at the end of the file. */
static bool find(FILE *file, char **line, size_t *room, const char *kind, const char *asked, char *field[FIELDS])
{
	while (getline(line, room, file) >= 0) {
		char *rest = *line;
		rest[strcspn(rest, "\n")] = '\0';
		for (int i = 0; i < FIELDS; i++) {
			char *word = strsep(&rest, "\t");
			field[i] = word ? word : (char *)"";
			if (word)
				unescape(word);
		}
		if (strcmp(field[0], kind) == 0 && (asked == NULL || strcmp(field[1], asked) == 0))
			return true;
	}
	return false;
}

/* Calls `use` with the first line of this kind about `asked`. */
static enum nss_status with(const char *kind, const char *asked, enum nss_status (*use)(char *field[FIELDS], void *data),
			    void *data)
{
	char *line = NULL, *field[FIELDS];
	size_t room = 0;
	enum nss_status status = NSS_STATUS_NOTFOUND;
	FILE *file = fopen("/etc/nightlatch-odd-names", "re");
	if (file == NULL)
		return NSS_STATUS_UNAVAIL;
	if (find(file, &line, &room, kind, asked, field))
		status = use(field, data);
	free(line);
	fclose(file);
	return status;
}

static enum nss_status nap(char *field[FIELDS], void *data)
{
	long milliseconds = atol(field[2]);
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	(void)data;
	nanosleep(&time, NULL);
	return NSS_STATUS_SUCCESS;
}

static enum nss_status failure(char *field[FIELDS], void *data)
{
	*(int *)data = atoi(field[3]);
	if (strcmp(field[2], "tryagain") == 0)
		return NSS_STATUS_TRYAGAIN;
	return strcmp(field[2], "unavail") == 0 ? NSS_STATUS_UNAVAIL : NSS_STATUS_NOTFOUND;
}

/* Sleeps and fails as it is told; gives whether it fails. */
static bool is_unwell(const char *call, enum nss_status *status, int *error)
{
	int told = 0;
	with("sleep", call, nap, NULL);
	*status = with("fail", call, failure, &told);
	if (told != 0)
		*error = told;
	return told != 0;
}

struct wanted {
	struct passwd *account;
	struct group *group;
	char *buffer;
	size_t length;
	int *error;
	long *start, *size;
	gid_t **gids;
};

static enum nss_status too_small(struct wanted *wanted)
{
	*wanted->error = ERANGE;
	return NSS_STATUS_TRYAGAIN;
}

static enum nss_status give_account(char *field[FIELDS], void *data)
{
	struct wanted *wanted = data;
	size_t length = strlen(field[2]) + 1;
	if (wanted->length < length + 16)
		return too_small(wanted);
	memcpy(wanted->buffer, field[2], length);
	char *more = wanted->buffer + length;
	memcpy(more, "*\0/\0/bin/sh", 12);
	*wanted->account = (struct passwd){
		.pw_name = wanted->buffer,
		.pw_passwd = more,
		.pw_uid = (uid_t)strtoul(field[3], NULL, 10),
		.pw_gid = (gid_t)strtoul(field[4], NULL, 10),
		.pw_gecos = more + 1,
		.pw_dir = more + 2,
		.pw_shell = more + 4,
	};
	return NSS_STATUS_SUCCESS;
}

static enum nss_status give_group(char *field[FIELDS], void *data)
{
	struct wanted *wanted = data;
	size_t name = strlen(field[1]) + 1, names = strlen(field[3]) + 1, most = names / 2 + 2;
	char *aligned = wanted->buffer + (-(size_t)wanted->buffer & (sizeof(char *) - 1));
	char *end = wanted->buffer + wanted->length;
	if (aligned + most * sizeof(char *) + name + names > end)
		return too_small(wanted);
	char **members = (char **)aligned, *text = aligned + most * sizeof(char *), *rest = text + name, *member;
	memcpy(text, field[1], name);
	memcpy(rest, field[3], names);
	*wanted->group = (struct group){ text, text + name - 1, (gid_t)strtoul(field[2], NULL, 10), members };
	while ((member = strsep(&rest, ",")) != NULL)
		if (*member != '\0')
			*members++ = member;
	*members = NULL;
	return NSS_STATUS_SUCCESS;
}

static bool add(struct wanted *wanted, gid_t gid)
{
	if (*wanted->start == *wanted->size) {
		gid_t *more = reallocarray(*wanted->gids, (size_t)*wanted->size * 2, sizeof gid);
		if (more == NULL)
			return false;
		*wanted->gids = more;
		*wanted->size *= 2;
	}
	(*wanted->gids)[(*wanted->start)++] = gid;
	return true;
}

static enum nss_status give_groups(char *field[FIELDS], void *data)
{
	char *rest = field[2], *gid;
	if (*rest == '+') {
		for (long i = atol(rest + 1); i > 0; i--)
			if (!add(data, (gid_t)(FIRST_OF_MANY + i)))
				return NSS_STATUS_TRYAGAIN;
		return NSS_STATUS_SUCCESS;
	}
	while ((gid = strsep(&rest, ",")) != NULL)
		if (*gid != '\0' && !add(data, (gid_t)strtoul(gid, NULL, 10)))
			return NSS_STATUS_TRYAGAIN;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_nightlatch_odd_getpwnam_r(const char *, struct passwd *, char *, size_t, int *);
enum nss_status _nss_nightlatch_odd_getpwnam_r(const char *name, struct passwd *account, char *buffer, size_t length, int *error)
{
	struct wanted wanted = { .account = account, .buffer = buffer, .length = length, .error = error };
	enum nss_status status;
	return is_unwell("getpwnam", &status, error) ? status : with("name", name, give_account, &wanted);
}

enum nss_status _nss_nightlatch_odd_getpwuid_r(uid_t, struct passwd *, char *, size_t, int *);
enum nss_status _nss_nightlatch_odd_getpwuid_r(uid_t uid, struct passwd *account, char *buffer, size_t length, int *error)
{
	struct wanted wanted = { .account = account, .buffer = buffer, .length = length, .error = error };
	enum nss_status status;
	char asked[16];
	snprintf(asked, sizeof asked, "%lu", (unsigned long)uid);
	return is_unwell("getpwuid", &status, error) ? status : with("uid", asked, give_account, &wanted);
}

enum nss_status _nss_nightlatch_odd_getgrnam_r(const char *, struct group *, char *, size_t, int *);
enum nss_status _nss_nightlatch_odd_getgrnam_r(const char *name, struct group *group, char *buffer, size_t length, int *error)
{
	struct wanted wanted = { .group = group, .buffer = buffer, .length = length, .error = error };
	enum nss_status status;
	return is_unwell("getgrnam", &status, error) ? status : with("group", name, give_group, &wanted);
}

enum nss_status _nss_nightlatch_odd_initgroups_dyn(const char *, gid_t, long *, long *, gid_t **, long, int *);
enum nss_status _nss_nightlatch_odd_initgroups_dyn(const char *user, gid_t group, long *start, long *size, gid_t **gids,
						   long limit, int *error)
{
	struct wanted wanted = { .error = error, .start = start, .size = size, .gids = gids };
	enum nss_status status;
	(void)group, (void)limit;
	return is_unwell("initgroups", &status, error) ? status : with("groups", user, give_groups, &wanted);
}
