{
  "targets": [
    {
      "target_name": "zerodown",
      "sources": ["addon.c", "error.c", "spawn.c", "watch.c", "address.c", "socket.c", "message.c", "file.c", "memory.c", "lock.c"],
      "defines": ["_GNU_SOURCE", "NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden"]
    }
  ]
}
