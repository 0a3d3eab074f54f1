/* A name service that is down: whatever it is asked, it cannot be reached. Loaded by glibc where /etc/nsswitch.conf says
 * `nightlatch_down`, as it would load the one of a directory server. */

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>

static enum nss_status down(int *error)
{
	*error = ECONNREFUSED;
	return NSS_STATUS_UNAVAIL;
}

enum nss_status _nss_nightlatch_down_getgrnam_r(const char *name, struct group *group, char *buffer, size_t length,
						int *error);
enum nss_status _nss_nightlatch_down_getgrnam_r(const char *name, struct group *group, char *buffer, size_t length,
						int *error)
{
	(void)name, (void)group, (void)buffer, (void)length;
	return down(error);
}

enum nss_status _nss_nightlatch_down_getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t length, int *error);
enum nss_status _nss_nightlatch_down_getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t length, int *error)
{
	(void)gid, (void)group, (void)buffer, (void)length;
	return down(error);
}

enum nss_status _nss_nightlatch_down_initgroups_dyn(const char *user, gid_t group, long *start, long *size, gid_t **groups,
						    long limit, int *error);
enum nss_status _nss_nightlatch_down_initgroups_dyn(const char *user, gid_t group, long *start, long *size, gid_t **groups,
						    long limit, int *error)
{
	(void)user, (void)group, (void)start, (void)size, (void)groups, (void)limit;
	return down(error);
}

enum nss_status _nss_nightlatch_down_getpwnam_r(const char *name, struct passwd *account, char *buffer, size_t length,
						int *error);
enum nss_status _nss_nightlatch_down_getpwnam_r(const char *name, struct passwd *account, char *buffer, size_t length,
						int *error)
{
	(void)name, (void)account, (void)buffer, (void)length;
	return down(error);
}
