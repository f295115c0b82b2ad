// Writes everything that a process is given by whoever starts it, as JSON, into the file named by its first argument;
// then says that it is ready and waits. In C, because a runtime's start would already change some of it.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;
static FILE *out;

static void string(const char *text) {
  putc('"', out);
  for (; *text; text++) {
    if (strchr("\"\\", *text)) putc('\\', out);
    if ((unsigned char)*text < ' ')
      fprintf(out, "\\u%04x", *text);
    else
      putc(*text, out);
  }
  putc('"', out);
}

static void strings(const char *key, char **list) {
  fprintf(out, "\"%s\": [", key);
  for (char **item = list; *item; item++) {
    if (item != list) fputs(", ", out);
    string(*item);
  }
  fputs("],\n", out);
}

static void signals(void) {
  sigset_t mask;
  struct sigaction action;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  fputs("\"signals\": {", out);
  for (int number = 1, count = 0; number <= SIGRTMAX; number++) {
    if (sigaction(number, NULL, &action) < 0) continue;
    const char *how = sigismember(&mask, number)         ? "blocked"
                      : action.sa_handler == SIG_IGN ? "ignored"
                      : action.sa_handler == SIG_DFL ? NULL
                                                     : "handled";
    if (how) fprintf(out, "%s\"%s\": \"%s\"", count++ ? ", " : "", strsignal(number), how);
  }
  fputs("},\n", out);
}

static void limits(void) {
  fputs("\"limits\": {", out);
  for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    fprintf(out, "%s\"%d\": \"%lld:%lld\"", resource ? ", " : "", resource, (long long)limit.rlim_cur,
            (long long)limit.rlim_max);
  }
  fputs("},\n", out);
}

// Each descriptor but the one that lists them and the one that is written to: what it is, and its flags.
static void descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  int count = 0;
  fputs("\"descriptors\": {", out);
  for (struct dirent *entry; (entry = readdir(directory));) {
    int fd = atoi(entry->d_name);
    char target[PATH_MAX] = "";
    if (entry->d_name[0] == '.' || fd == dirfd(directory) || fd == fileno(out)) continue;
    readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    fprintf(out, "%s\"%d\": [", count++ ? ", " : "", fd);
    string(target);
    fprintf(out, ", %d, %d]", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  }
  fputs("},\n", out);
  closedir(directory);
}

// /proc/self/status: credentials, capabilities, seccomp, memory policy and more, for the test to choose from.
static void status(void) {
  char line[4096];
  FILE *file = fopen("/proc/self/status", "re");
  fputs("\"status\": {", out);
  for (int count = 0; fgets(line, sizeof line, file); count++) {
    line[strcspn(line, "\n")] = 0;
    char *value = strchr(line, ':');
    *value++ = 0;
    if (count) fputs(", ", out);
    string(line);
    fputs(": ", out);
    string(value + strspn(value, " \t"));
  }
  fputs("},\n", out);
  fclose(file);
}

// sd_notify(3), without libsystemd.
static void say_ready(void) {
  const char *name = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!name) return;
  strncpy(address.sun_path, name, sizeof address.sun_path - 1);
  if (*name == '@') *address.sun_path = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + strlen(name));
  close(fd);
}

int main(int argc, char **argv) {
  char directory[PATH_MAX];
  int death_signal;
  out = argc > 1 ? fopen(argv[1], "we") : NULL;
  if (!out || !getcwd(directory, sizeof directory) || prctl(PR_GET_PDEATHSIG, &death_signal) < 0) return 1;
  fputs("{", out);
  strings("arguments", argv);
  strings("environment", environ);
  descriptors();
  signals();
  limits();
  status();
  fputs("\"directory\": ", out);
  string(directory);
  fprintf(out, ",\n\"deathSignal\": %d, \"nice\": %d, \"pid\": %d, \"parent\": %d, \"group\": %d, \"session\": %d}\n",
          death_signal, getpriority(PRIO_PROCESS, 0), getpid(), getppid(), getpgrp(), getsid(0));
  fclose(out);
  say_ready();
  pause();
  return 0;
}
