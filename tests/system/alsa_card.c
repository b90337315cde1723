/*
 * An ALSA card in user space that does what cards and sound servers of boards do.
 *
 *     pcm_type.dragoman_card { lib "/where/it/was/built.so" }
 *     pcm.card { type dragoman_card  rate 48000  buffer_ms 500  gone "/a/file"  played "/a/file" }
 *
 * It moves with CLOCK_MONOTONIC: what is captured is a ramp, what is played is added to the file
 * `played` in the moment it is heard.  `rate` and `buffer_ms`, where given, are the only ones it
 * has.  While the file `gone` exists its server is away: who opens it is told EHOSTDOWN, and what
 * was open fails as pipewire-alsa does after its server died: it can be prepared and started, is
 * ready at once, and has overrun or underrun each time it is looked at, also when the file is gone
 * again.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000;
enum { PERIOD_MS = 10, MOST = 1 << 17 };

typedef struct {
    snd_pcm_ioplug_t io;
    uint64_t epoch; /* when the stream began, ns */
    snd_pcm_uframes_t heard; /* frames of `sound` that were played */
    snd_pcm_uframes_t avail_min;
    long rate, buffer_ms;
    char *gone, *played;
    int lost;
    int16_t sound[MOST]; /* what was written, by its place in the stream */
} card_t;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int tick(snd_pcm_ioplug_t *io, long ms)
{
    struct itimerspec timer = {{0, ms * 1000000}, {0, ms * 1000000}};
    return timerfd_settime(io->poll_fd, 0, &timer, NULL) ? -errno : 0;
}

static int start(snd_pcm_ioplug_t *io)
{
    card_t *card = io->private_data;
    card->epoch = now_ns();
    card->heard = 0;
    return tick(io, PERIOD_MS);
}

static int stop(snd_pcm_ioplug_t *io)
{
    return tick(io, 0);
}

static void hear(card_t *card, snd_pcm_uframes_t upto)
{
    FILE *file = card->played ? fopen(card->played, "ab") : NULL;
    for (; file && card->heard < upto; card->heard++)
        fwrite(card->sound + card->heard % MOST, 2, 1, file);
    if (file)
        fclose(file);
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io)
{
    card_t *card = io->private_data;
    card->lost = card->lost || (card->gone && !access(card->gone, F_OK));
    if (card->lost)
        return -EPIPE;
    if (io->state != SND_PCM_STATE_RUNNING && io->state != SND_PCM_STATE_DRAINING)
        return 0;
    snd_pcm_uframes_t frames = (now_ns() - card->epoch) * io->rate / SECOND;
    if (io->stream == SND_PCM_STREAM_CAPTURE)
        return frames - io->appl_ptr > io->buffer_size ? -EPIPE : (snd_pcm_sframes_t)frames;
    hear(card, frames < io->appl_ptr ? frames : io->appl_ptr);
    return frames > io->appl_ptr ? -EPIPE : (snd_pcm_sframes_t)frames;
}

static snd_pcm_sframes_t transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                  snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    card_t *card = io->private_data;
    int16_t *samples = (int16_t *)((char *)areas->addr + (areas->first + areas->step * offset) / 8);
    for (snd_pcm_uframes_t i = 0; i < size; i++)
        if (io->stream == SND_PCM_STREAM_CAPTURE)
            samples[i] = (int16_t)(io->appl_ptr + i);
        else
            card->sound[(io->appl_ptr + i) % MOST] = samples[i];
    return size;
}

static int poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count,
                        unsigned short *revents)
{
    card_t *card = io->private_data;
    uint64_t ticks;
    (void)fds, (void)count;
    if (!card->lost && read(io->poll_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
        return -errno;
    snd_pcm_sframes_t ready = snd_pcm_avail_update(io->pcm);
    int way = io->stream == SND_PCM_STREAM_CAPTURE ? POLLIN : POLLOUT;
    *revents = ready < 0 || ready >= (snd_pcm_sframes_t)card->avail_min ? way : 0;
    return 0;
}

static int sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
    card_t *card = io->private_data;
    return snd_pcm_sw_params_get_avail_min(params, &card->avail_min);
}

static int close_card(snd_pcm_ioplug_t *io)
{
    card_t *card = io->private_data;
    close(io->poll_fd);
    free(card->gone);
    free(card->played);
    free(card);
    return 0;
}

static const snd_pcm_ioplug_callback_t CALLBACKS = {
    .start = start,
    .stop = stop,
    .pointer = pointer,
    .transfer = transfer,
    .poll_revents = poll_revents,
    .sw_params = sw_params,
    .close = close_card,
};

static int constrain(card_t *card)
{
    static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
    static const unsigned format[] = {SND_PCM_FORMAT_S16_LE};
    snd_pcm_ioplug_t *io = &card->io;
    long bytes = card->rate * card->buffer_ms / 1000 * 2;
    int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
    if (!error)
        error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 1);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, card->rate, card->rate);
    if (!error && bytes)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, bytes, bytes);
    return error;
}

static int create(card_t *card, const char *name, snd_pcm_stream_t stream, int mode)
{
    snd_pcm_ioplug_t *io = &card->io;
    if (card->gone && !access(card->gone, F_OK))
        return -EHOSTDOWN;
    io->version = SND_PCM_IOPLUG_VERSION;
    io->name = "dragoman card";
    io->flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
    io->callback = &CALLBACKS;
    io->private_data = card;
    io->poll_events = POLLIN;
    io->poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (io->poll_fd < 0)
        return -errno;
    int error = snd_pcm_ioplug_create(io, name, stream, mode);
    return error ? error : constrain(card);
}

static int text(snd_config_t *entry, char **value)
{
    const char *given;
    int error = snd_config_get_string(entry, &given);
    if (!error && !(*value = strdup(given)))
        error = -ENOMEM;
    return error;
}

static int configure(card_t *card, snd_config_t *conf)
{
    snd_config_iterator_t i, next;
    int error = 0;
    snd_config_for_each(i, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        if (error || snd_config_get_id(entry, &id))
            continue;
        if (!strcmp(id, "rate"))
            error = snd_config_get_integer(entry, &card->rate);
        else if (!strcmp(id, "buffer_ms"))
            error = snd_config_get_integer(entry, &card->buffer_ms);
        else if (!strcmp(id, "gone"))
            error = text(entry, &card->gone);
        else if (!strcmp(id, "played"))
            error = text(entry, &card->played);
    }
    return error;
}

SND_PCM_PLUGIN_DEFINE_FUNC(dragoman_card)
{
    (void)root;
    card_t *card = calloc(1, sizeof *card);
    if (!card)
        return -ENOMEM;
    card->rate = 16000;
    int error = configure(card, conf);
    if (!error)
        error = create(card, name, stream, mode);
    if (error)
        free(card);
    else
        *pcmp = card->io.pcm;
    return error;
}

SND_PCM_PLUGIN_SYMBOL(dragoman_card);
