/* What the single-file program carries, and where it lays it. */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct packed_file {
    const char *path; /* below the folder */
    unsigned mode;
    size_t offset; /* in the payload */
    size_t size;
};

/* Made by the build, sorted by strcmp; a folder stands before what is in it. */
extern const struct packed_file packed_files[];
extern const size_t packed_file_count;
extern const char *const packed_folders[];
extern const size_t packed_folder_count;
extern const char program_name[];
extern const char program_version[];
extern const char program_needs[];
extern const char payload_hash[];
extern const unsigned char payload[];

/* Lays the payload into a folder below `place`, or checks what lies there and puts it right.
 *
 * Returns a descriptor that must stay open as long as anything runs from the folder, and its path in `folder`; or -1,
 * and why in `problem`. A place that the operator has not chosen is only taken if nobody else can rename what is in it. */
int unpack(const char *place, bool chosen, char folder[PATH_MAX], char problem[PATH_MAX]);

#endif
