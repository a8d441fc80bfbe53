/* The single-file program that a host starts. It lays what it carries into a folder once, checks it at each start, and
 * becomes it by exec, so that the process which the host knows is the plugin. Linked statically: it needs no libc. What
 * it carries brings its own, and that libc's loader.
 *
 * Standard output belongs to the handshake. What is said here goes to standard error, in a form that hosts log. */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHOSEN_PLACE "SECTIGO_VAULT_PKI_UNPACK_DIR"

static const char *const LOADER_VARIABLES[] = {"LD_", "GCONV_PATH=", "GLIBC_TUNABLES=", "LOCPATH="};

static bool asks_for_version(char **arguments)
{
    for (char **argument = arguments + 1; argument[0] != NULL; argument++)
        if (strcmp(*argument, "--version") == 0)
            return true;
    return false;
}

/* Tries one place; returns the descriptor of `unpack`, or -1 after adding why to `problems`. */
static int try_place(const char *place, bool chosen, char folder[PATH_MAX], char *problems, size_t size)
{
    char problem[PATH_MAX] = "";
    int descriptor = unpack(place, chosen, folder, problem);
    if (descriptor < 0) {
        size_t used = strlen(problems);
        snprintf(problems + used, size - used, "%s%s: %s", used > 0 ? "; " : "", place, problem);
    }
    return descriptor;
}

static int unpack_somewhere(char folder[PATH_MAX])
{
    char problems[4 * PATH_MAX] = "", home_cache[PATH_MAX] = "";
    const char *chosen = getenv(CHOSEN_PLACE), *home = getenv("HOME");
    if (home != NULL && home[0] == '/')
        snprintf(home_cache, sizeof home_cache, "%s/.cache", home);
    const char *const usual[] = {getenv("XDG_CACHE_HOME"), home_cache, "/var/tmp", getenv("TMPDIR"), "/tmp"};
    int descriptor = -1;
    if (chosen != NULL && chosen[0] != '\0')
        descriptor = try_place(chosen, true, folder, problems, sizeof problems);
    else
        for (size_t i = 0; i < sizeof usual / sizeof *usual && descriptor < 0; i++)
            if (usual[i] != NULL && usual[i][0] == '/')
                descriptor = try_place(usual[i], false, folder, problems, sizeof problems);
    if (descriptor < 0)
        fprintf(stderr, "[ERROR] %s has no folder to run from, set " CHOSEN_PLACE " to one: %s\n", program_name, problems);
    return descriptor;
}

/* Takes away what would have the loader or libc bring in code or tables of the host's. */
static void clean_environment(void)
{
    char **kept = environ;
    for (char **variable = environ; *variable != NULL; variable++) {
        bool is_foreign = false;
        for (size_t i = 0; i < sizeof LOADER_VARIABLES / sizeof *LOADER_VARIABLES; i++)
            is_foreign |= strncmp(*variable, LOADER_VARIABLES[i], strlen(LOADER_VARIABLES[i])) == 0;
        if (!is_foreign)
            *kept++ = *variable;
    }
    *kept = NULL;
    setenv("LC_ALL", "C", 1); /* the host's tables belong to its own libc; Python's UTF-8 mode needs none */
    setenv("OPENSSL_CONF", "/dev/null", 0); /* so does its configuration, unless the operator names one */
}

static void become(const char *folder, int argument_count, char **arguments)
{
    char loader[2 * PATH_MAX], libraries[2 * PATH_MAX], python[2 * PATH_MAX], start[2 * PATH_MAX];
    snprintf(loader, sizeof loader, "%s/%s", folder, program_name); /* named so for whoever looks at a list of processes */
    snprintf(libraries, sizeof libraries, "%s/lib", folder);
    snprintf(python, sizeof python, "%s/bin/python3", folder);
    snprintf(start, sizeof start, "%s/start.pyc", folder);
    char *const before[] = {arguments[0], "--inhibit-cache", "--library-path", libraries, python, "-I", "-B", "-S",
                            "-X", "utf8", start};
    size_t length = sizeof before / sizeof *before;
    char **all = calloc(length + (size_t)argument_count + 1, sizeof *all);
    if (all != NULL) {
        memcpy(all, before, sizeof before);
        memcpy(all + length, arguments, (size_t)argument_count * sizeof *all);
        execv(loader, all);
    }
    fprintf(stderr, "[ERROR] %s cannot run %s: %s\n", program_name, loader, strerror(errno));
}

int main(int argument_count, char **arguments)
{
    char folder[PATH_MAX];
    if (argument_count < 1)
        return 1;
    if (asks_for_version(arguments)) {
        printf("%s %s\n%s\n", program_name, program_version, program_needs);
        return 0;
    }
    if (unpack_somewhere(folder) < 0)
        return 1;
    clean_environment();
    become(folder, argument_count, arguments);
    return 1;
}
