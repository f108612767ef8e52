/*
 * delay - a long path on one machine: what connects to 127.0.0.1:PORT reaches 127.0.0.1:TARGET, and
 * each byte comes MS milliseconds later on the other side, however many are under way.
 *
 *   delay PORT TARGET MS
 *
 * For kernels without netem. Of one connection, two threads a direction: one reads and notes
 * when, one writes when the time has come. What is under way is bounded as a long path's own
 * buffers are.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE  (64u * 1024)
#define PIECES 1024 /* 64 MB under way, each way */

struct piece {
	int64_t due; /* ns of the monotonic clock */
	size_t len;  /* 0: the end */
	uint8_t data[PIECE];
};

struct way {
	int from;
	int to;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t head; /* pieces read so far … */
	size_t tail; /* … and written */
	bool broken; /* nobody takes them any more */
	struct piece *pieces[PIECES];
};

static int64_t delay_ns;
static uint16_t target;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t due)
{
	struct timespec t = { due / 1000000000LL, due % 1000000000LL };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Waits for room; false when the other side has gone. */
static bool put(struct way *w, struct piece *p)
{
	bool taken;

	pthread_mutex_lock(&w->lock);
	while (w->head - w->tail == PIECES && !w->broken)
		pthread_cond_wait(&w->changed, &w->lock);
	taken = !w->broken;
	if (taken)
		w->pieces[w->head++ % PIECES] = p;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static struct piece *take(struct way *w)
{
	struct piece *p;

	pthread_mutex_lock(&w->lock);
	while (w->head == w->tail)
		pthread_cond_wait(&w->changed, &w->lock);
	p = w->pieces[w->tail++ % PIECES];
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return p;
}

static void *run_reader(void *arg)
{
	struct way *w = arg;
	size_t len;

	do {
		struct piece *p = malloc(sizeof(*p));
		ssize_t n;

		if (p == NULL)
			die("delay");
		n = read(w->from, p->data, sizeof(p->data));
		len = n > 0 ? (size_t)n : 0;
		p->len = len;
		p->due = now_ns() + delay_ns;
		if (!put(w, p)) {
			free(p);
			len = 0;
		}
	} while (len > 0);
	return NULL;
}

static bool write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void give_up(struct way *w)
{
	pthread_mutex_lock(&w->lock);
	w->broken = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	shutdown(w->from, SHUT_RDWR); /* wakes the reader */
}

static void *run_writer(void *arg)
{
	struct way *w = arg;
	bool more = true;

	while (more) {
		struct piece *p = take(w);

		sleep_until(p->due);
		more = p->len > 0;
		if (!more) {
			shutdown(w->to, SHUT_WR);
		} else if (!write_all(w->to, p->data, p->len)) {
			give_up(w);
			more = false;
		}
		free(p);
	}
	return NULL;
}

static void run_way(struct way *w, int from, int to, pthread_t out[2])
{
	w->from = from;
	w->to = to;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	if (pthread_create(&out[0], NULL, run_reader, w) != 0 ||
	    pthread_create(&out[1], NULL, run_writer, w) != 0)
		die("delay");
}

static void free_way(struct way *w)
{
	while (w->tail < w->head)
		free(w->pieces[w->tail++ % PIECES]);
	free(w);
}

static struct sockaddr_in address(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void *run_connection(void *arg)
{
	struct sockaddr_in to = address(target);
	struct way *ways[2] = { calloc(1, sizeof(struct way)), calloc(1, sizeof(struct way)) };
	int in = (int)(intptr_t)arg, out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t threads[4];

	if (ways[0] == NULL || ways[1] == NULL || out < 0)
		die("delay");
	setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(out, (struct sockaddr *)&to, sizeof(to)) == 0) {
		run_way(ways[0], in, out, &threads[0]);
		run_way(ways[1], out, in, &threads[2]);
		for (size_t i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	free_way(ways[0]);
	free_way(ways[1]);
	close(in);
	close(out);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 4)
		return fprintf(stderr, "usage: delay PORT TARGET MS\n"), 2;
	signal(SIGPIPE, SIG_IGN);
	at = address((uint16_t)atoi(argv[1]));
	target = (uint16_t)atoi(argv[2]);
	delay_ns = atoll(argv[3]) * 1000000;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 128) != 0)
		die("delay");
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0)
			die("delay");
		if (pthread_create(&thread, NULL, run_connection, (void *)(intptr_t)fd) != 0)
			die("delay");
		pthread_detach(thread);
	}
}
