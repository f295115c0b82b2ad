# An HTTP server that knows LISTEN_FDS, and no more of systemd.
use strict;
use IO::Socket;

die "not for me" unless $ENV{LISTEN_PID} == $$ and $ENV{LISTEN_FDS} == 1;
my $listener = IO::Socket->new_from_fd(3, "r+") or die $!;
while (my $connection = $listener->accept) {
    sysread $connection, my $request, 65536;
    my $body = "Perl $$";
    printf $connection "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length $body, $body;
    close $connection;
}
