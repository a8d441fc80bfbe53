/* The folder with what the program carries: made once, compared with it byte by byte at each start.
 *
 * A file is written beside its place and renamed into it, so that each is whole or missing at any moment, for any number
 * of processes at once. Nobody but this user can change the folder; what this user changed is put right. */
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define NEW_FILE ".new-"

static bool is_folder_of_ours(const struct stat *status)
{
    return S_ISDIR(status->st_mode) && status->st_uid == geteuid() && (status->st_mode & 0777) == 0700;
}

static bool is_intact(int folder, const struct packed_file *file)
{
    int descriptor = openat(folder, file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    struct stat status;
    bool intact = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                  (status.st_mode & 07777) == file->mode && status.st_size == (off_t)file->size;
    if (intact && file->size > 0) {
        void *there = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
        intact = there != MAP_FAILED && memcmp(there, payload + file->offset, file->size) == 0;
        if (there != MAP_FAILED)
            munmap(there, file->size);
    }
    close(descriptor);
    return intact;
}

static bool remove_all(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return true;
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = inner < 0 ? NULL : fdopendir(inner);
    if (entries == NULL)
        return false;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_all(inner, entry->d_name);
    closedir(entries);
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static bool write_all(int descriptor, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool put(int folder, const struct packed_file *file)
{
    char name[64];
    struct stat status;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* a process in another container may have our number */
    snprintf(name, sizeof name, NEW_FILE "%ld-%ld", (long)getpid(), now.tv_nsec);
    int descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return false;
    bool written = write_all(descriptor, payload + file->offset, file->size) && fchmod(descriptor, file->mode) == 0;
    written &= close(descriptor) == 0;
    if (written && fstatat(folder, file->path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
        written = remove_all(folder, file->path);
    if (written && renameat(folder, name, folder, file->path) == 0)
        return true;
    int reason = errno;
    unlinkat(folder, name, 0);
    errno = reason;
    return false;
}

static bool put_folder(int folder, const char *path)
{
    struct stat status;
    if (fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && !is_folder_of_ours(&status) &&
        !remove_all(folder, path))
        return false;
    return mkdirat(folder, path, 0700) == 0 || errno == EEXIST;
}

static int compare_file(const void *path, const void *file)
{
    return strcmp(path, ((const struct packed_file *)file)->path);
}

static int compare_folder(const void *path, const void *folder)
{
    return strcmp(path, *(const char *const *)folder);
}

static bool is_packed(const char *path)
{
    return bsearch(path, packed_files, packed_file_count, sizeof *packed_files, compare_file) != NULL ||
           bsearch(path, packed_folders, packed_folder_count, sizeof *packed_folders, compare_folder) != NULL;
}

/* Removes what does not belong into one folder; "" is the top. Where others run, what they are writing there stays: it
 * lies at the top, where nothing is looked for. */
static bool remove_foreign(int top, const char *path, bool alone, size_t *wrong)
{
    int inner = openat(top, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = inner < 0 ? NULL : fdopendir(inner);
    if (entries == NULL)
        return false;
    bool done = true;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char full[PATH_MAX];
        const char *name = entry->d_name;
        bool is_new = path[0] == '\0' && strncmp(name, NEW_FILE, strlen(NEW_FILE)) == 0;
        snprintf(full, sizeof full, "%s%s%s", path, path[0] == '\0' ? "" : "/", name);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_packed(full) || (is_new && !alone))
            continue;
        *wrong += !is_new;
        done &= remove_all(top, full);
    }
    closedir(entries);
    return done;
}

static bool put_right(int folder, bool alone, size_t *wrong)
{
    bool done = true;
    for (size_t i = 0; i < packed_folder_count && done; i++)
        done = put_folder(folder, packed_folders[i]);
    for (size_t i = 0; i < packed_file_count && done; i++)
        if (!is_intact(folder, &packed_files[i])) {
            *wrong += 1;
            done = put(folder, &packed_files[i]);
            if (done && !is_intact(folder, &packed_files[i])) { /* a file system that keeps no modes, or bad memory */
                errno = EIO;
                done = false;
            }
        }
    done = done && remove_foreign(folder, "", alone, wrong);
    for (size_t i = 0; i < packed_folder_count && done; i++)
        done = remove_foreign(folder, packed_folders[i], alone, wrong);
    return done;
}

/* Whether we are alone; else waits until whoever writes there is done. systemd-tmpfiles leaves a locked folder alone.
 * Some network file systems know no locks: then nobody is alone, and each file is still whole or missing. */
static bool lock(int folder)
{
    if (flock(folder, LOCK_EX | LOCK_NB) == 0)
        return true;
    while (flock(folder, LOCK_SH) != 0 && errno == EINTR)
        continue;
    return false;
}

static bool is_safe_place(int place)
{
    struct stat status;
    return fstat(place, &status) == 0 && (status.st_uid == 0 || status.st_uid == geteuid()) &&
           ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0);
}

/* Opens the folder, made if need be; or returns -1, with the reason in `problem`, or else in errno. */
static int open_folder(const char *place, bool chosen, const char *name, const char **problem)
{
    struct stat status;
    struct statvfs file_system;
    mkdir(place, 0700);
    int parent = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -1;
    if (parent < 0)
        return -1;
    if (!chosen && !is_safe_place(parent))
        *problem = "others could rename what is in it";
    else if (fstatvfs(parent, &file_system) == 0 && (file_system.f_flag & ST_NOEXEC) != 0)
        *problem = "it is mounted noexec";
    else if (mkdirat(parent, name, 0700) == 0 || errno == EEXIST)
        folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); /* stays open through exec: see `lock` */
    int reason = errno;
    close(parent);
    errno = reason;
    if (folder < 0 || (fstat(folder, &status) == 0 && is_folder_of_ours(&status)))
        return folder;
    *problem = "the folder there belongs to somebody else, or is open to others";
    close(folder);
    return -1;
}

int unpack(const char *place, bool chosen, char path[PATH_MAX], char problem[PATH_MAX])
{
    char name[256];
    const char *why = NULL;
    size_t wrong = 0;
    snprintf(name, sizeof name, "%s-%ld-%s", program_name, (long)geteuid(), payload_hash);
    if (snprintf(path, PATH_MAX, "%s/%s", place, name) >= PATH_MAX)
        why = "the path is too long";
    else if (place[0] != '/' || strpbrk(place, ":;$") != NULL) /* the loader would take these apart */
        why = "not an absolute path without : ; $";
    int folder = why == NULL ? open_folder(place, chosen, name, &why) : -1;
    if (folder >= 0) {
        bool alone = lock(folder);
        if (!put_right(folder, alone, &wrong)) {
            why = strerror(errno);
            if (alone)
                remove_all(AT_FDCWD, path);
            close(folder);
            folder = -1;
        } else if (alone) {
            flock(folder, LOCK_SH);
        }
    }
    if (folder < 0)
        snprintf(problem, PATH_MAX, "%s", why != NULL ? why : strerror(errno));
    else if (wrong > 0 && wrong < packed_file_count) /* all of them: it is the first start */
        fprintf(stderr, "[WARN] %s: files in %s were missing, changed or foreign and were put right: %zu\n", program_name,
                path, wrong);
    return folder;
}
