/* See unread_answers.h.
 *
 * Mosquitto keeps what a client does not read, however much it is. A lamp that sends pings and never reads the answers
 * would take 50 MB a second. An honest lamp has at most a few hundred messages in its socket, and only for a moment; if
 * it is disconnected, it connects again and receives the rest.
 */
#include "unread_answers.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include "clock.h"

#define LOOK_EVERY_MS 1000u
#define MOST_OF_THE_TIME 50u            /* a look may take one part in so many of the time between two */
#define UNREAD_BYTES (64 * 1024)
#define FREE_IN_A_ROW 1024              /* file descriptors: the system always gives the lowest free one */

static unsigned char *was_full;         /* by file descriptor: whether the last look found too much */
static int descriptors;
static uint64_t next_look_ms;

static in_port_t local_port(int socket)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;

	if (getsockname(socket, (struct sockaddr *)&address, &size)) {
		return 0;
	}
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
		: address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port : 0);
}

static void close_connection(int socket)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

	if (!getpeername(socket, (struct sockaddr *)&address, &size)) {
		getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	}
	mosquitto_log_printf(MOSQ_LOG_WARNING, "Closing the connection from %s:%s: the lamp doesn't read the answers.", host, port);
	shutdown(socket, SHUT_RDWR);        /* the broker sees its end, and closes it */
}

static int make_room_for(int descriptor)
{
	if (descriptor >= descriptors) {
		int wanted = 2 * descriptor + FREE_IN_A_ROW;
		unsigned char *larger = realloc(was_full, (size_t)wanted);
		if (!larger) {
			return 0;
		}
		memset(larger + descriptors, 0, (size_t)(wanted - descriptors));
		was_full = larger;
		descriptors = wanted;
	}
	return 1;
}

void close_unread(int lamps_port)
{
	uint64_t began = now_ms();

	if (began < next_look_ms) {
		return;
	}
	for (int socket = 0, free_ones = 0; free_ones < FREE_IN_A_ROW && make_room_for(socket); socket++) {
		int unsent = 0, is_full = 0;
		if (ioctl(socket, SIOCOUTQ, &unsent)) {
			free_ones = errno == EBADF ? free_ones + 1 : 0;
		} else {
			free_ones = 0;
			is_full = unsent > UNREAD_BYTES && local_port(socket) == lamps_port;
		}
		if (is_full && was_full[socket]) {
			close_connection(socket);
		}
		was_full[socket] = (unsigned char)is_full;
	}
	uint64_t ended = now_ms(), pause = MOST_OF_THE_TIME * (ended - began);
	next_look_ms = ended + (pause > LOOK_EVERY_MS ? pause : LOOK_EVERY_MS);
}

void forget_unread(void)
{
	free(was_full);
	was_full = NULL;
	descriptors = 0;
	next_look_ms = 0;
}
