/*
 * The floor: the least a program can do that reads a sound card and streams it.
 *
 *     floor DEVICE PORT
 *
 * Blocking reads of 40 ms (s16le, mono, 16 kHz), each sent as one masked binary WebSocket frame
 * to 127.0.0.1:PORT.  A connection that is lost is tried anew with every packet; what was captured
 * meanwhile is gone.
 */
#include <alsa/asoundlib.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RATE = 16000, FRAMES = 640, BYTES = 2 * FRAMES, HEADER = 8, PERIODS = 6 };

static const char UPGRADE[] = "GET /v2/ws-voice-translate HTTP/1.1\r\n"
                              "Host: 127.0.0.1\r\n"
                              "Upgrade: websocket\r\n"
                              "Connection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n";

static void check(int error, const char *what)
{
    if (error < 0) {
        fprintf(stderr, "floor: %s: %s\n", what, snd_strerror(error));
        exit(1);
    }
}

static snd_pcm_t *open_microphone(const char *device)
{
    snd_pcm_t *pcm;
    snd_pcm_hw_params_t *params;
    snd_pcm_hw_params_alloca(&params);
    check(snd_pcm_open(&pcm, device, SND_PCM_STREAM_CAPTURE, 0), device);
    snd_pcm_hw_params_any(pcm, params);
    check(snd_pcm_hw_params_set_access(pcm, params, SND_PCM_ACCESS_RW_INTERLEAVED), "access");
    check(snd_pcm_hw_params_set_format(pcm, params, SND_PCM_FORMAT_S16_LE), "format");
    check(snd_pcm_hw_params_set_channels(pcm, params, 1), "channels");
    check(snd_pcm_hw_params_set_rate(pcm, params, RATE, 0), "rate");
    check(snd_pcm_hw_params_set_period_size(pcm, params, FRAMES, 0), "period");
    check(snd_pcm_hw_params_set_buffer_size(pcm, params, PERIODS * FRAMES), "buffer");
    check(snd_pcm_hw_params(pcm, params), "parameters");
    return pcm;
}

/* A connection after the HTTP upgrade, or -1. */
static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    char answer[1024];
    size_t got = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, UPGRADE, sizeof UPGRADE - 1, MSG_NOSIGNAL) > 0) {
        while (got < sizeof answer - 1) {
            ssize_t n = recv(fd, answer + got, sizeof answer - 1 - got, 0);
            if (n <= 0)
                break;
            answer[got += n] = 0;
            if (strstr(answer, "\r\n\r\n"))
                return fd;
        }
    }
    close(fd);
    return -1;
}

/* Header and masked payload of a binary frame of BYTES bytes. */
static void put_frame(uint8_t *frame, const uint32_t *samples, uint32_t mask)
{
    const uint8_t header[4] = {0x82, 0x80 | 126, BYTES >> 8, BYTES & 255};
    uint32_t *payload = (uint32_t *)(frame + HEADER);
    memcpy(frame, header, sizeof header);
    memcpy(frame + 4, &mask, sizeof mask);
    for (int i = 0; i < BYTES / 4; i++)
        payload[i] = samples[i] ^ mask;
}

static int send_all(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        data += sent;
        size -= sent;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: floor DEVICE PORT\n");
        return 2;
    }
    static uint32_t samples[BYTES / 4], frame[(HEADER + BYTES) / 4];
    uint32_t mask = (uint32_t)getpid() | 1;
    int port = atoi(argv[2]), fd = dial(port);
    snd_pcm_t *pcm = open_microphone(argv[1]);
    for (;;) {
        snd_pcm_sframes_t got = snd_pcm_readi(pcm, samples, FRAMES);
        if (got < 0) {
            check(snd_pcm_recover(pcm, got, 1), "read");
            continue;
        }
        if (fd < 0)
            fd = dial(port);
        mask ^= mask << 13, mask ^= mask >> 17, mask ^= mask << 5;
        put_frame((uint8_t *)frame, samples, mask);
        if (fd >= 0 && send_all(fd, (uint8_t *)frame, HEADER + BYTES) < 0) {
            close(fd);
            fd = -1;
        }
    }
}
