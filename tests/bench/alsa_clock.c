/*
 * An ALSA capture device in user space with an exact clock: no card, no server, no other process.
 *
 *     pcm_type.dragoman_clock { lib "/where/it/was/built.so" }
 *     pcm.mic { type dragoman_clock  step 0 }
 *
 * It behaves like a card: its position moves with CLOCK_MONOTONIC whether it is read or not, it
 * "interrupts" at the end of each period, and it overruns when its buffer is full.  `step` is the
 * number of frames by which its position moves; 0 means whole periods, as with most I2S cards.
 *
 * The sound tells when it was captured.  Each block of 40 ms begins with a marker: a sample of
 * MAGIC, then 24 samples of 0 to 15, the hexadecimal digits of
 *     the time at which the stream began (16 digits, ns of CLOCK_MONOTONIC),
 *     the number of the block in the stream (8 digits).
 * The rest is loud noise in the first 5 s of every 8 s of CLOCK_MONOTONIC, else digital silence.
 * tests/bench/marker.py reads it.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RATE = 16000, BLOCK = 640, MAGIC = 100, EPOCH_DIGITS = 16, NUMBER_DIGITS = 8 };
static const uint64_t SECOND = 1000000000, SPEECH = 5000000000, CYCLE = 8000000000;

typedef struct {
    snd_pcm_ioplug_t io;
    uint64_t epoch; /* when the stream began, ns */
    snd_pcm_uframes_t avail_min;
    long step;
    int nonblock;
} device_t;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Frames captured so far. */
static snd_pcm_uframes_t captured(const device_t *device)
{
    uint64_t frames = (now_ns() - device->epoch) * RATE / SECOND;
    uint64_t step = device->step ? (uint64_t)device->step : device->io.period_size;
    return frames - frames % step;
}

/*
 * Readable from the first end of a period at which `avail_min` frames wait; for a blocking read
 * any frame will do, since the kernel lets it wait for less than `avail_min` where less is missing.
 */
static int arm(device_t *device, snd_pcm_uframes_t read)
{
    uint64_t period = device->io.period_size;
    uint64_t wanted = device->nonblock ? device->avail_min : 1;
    uint64_t ends = (read + wanted + period - 1) / period * period;
    uint64_t at = device->epoch + (ends * SECOND + RATE - 1) / RATE;
    struct itimerspec timer = {.it_value = {at / SECOND, at % SECOND}};
    return timerfd_settime(device->io.poll_fd, TFD_TIMER_ABSTIME, &timer, NULL) ? -errno : 0;
}

static int start(snd_pcm_ioplug_t *io)
{
    device_t *device = io->private_data;
    device->epoch = now_ns();
    return arm(device, 0);
}

static int stop(snd_pcm_ioplug_t *io)
{
    struct itimerspec never = {0};
    return timerfd_settime(io->poll_fd, 0, &never, NULL) ? -errno : 0;
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io)
{
    snd_pcm_uframes_t frames = captured(io->private_data);
    return frames - io->appl_ptr > io->buffer_size ? -EPIPE : (snd_pcm_sframes_t)frames;
}

static int16_t noise(uint32_t n)
{
    n = (n ^ n >> 16) * 0x45d9f3bu;
    n = (n ^ n >> 16) * 0x45d9f3bu;
    int16_t sample = (int16_t)(n ^ n >> 16) / 4;
    return sample < 0 ? sample - 256 : sample + 256; /* never like a digit of a marker */
}

static int16_t sample(const device_t *device, uint64_t frame)
{
    uint64_t number = frame / BLOCK;
    unsigned place = frame % BLOCK;
    if (place == 0)
        return MAGIC;
    if (place <= EPOCH_DIGITS)
        return device->epoch >> 4 * (EPOCH_DIGITS - place) & 15;
    if (place <= EPOCH_DIGITS + NUMBER_DIGITS)
        return number >> 4 * (EPOCH_DIGITS + NUMBER_DIGITS - place) & 15;
    uint64_t begins = device->epoch + number * BLOCK * SECOND / RATE;
    return begins % CYCLE < SPEECH ? noise(frame) : 0;
}

static snd_pcm_sframes_t transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                  snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    device_t *device = io->private_data;
    int16_t *out = (int16_t *)((char *)areas->addr + (areas->first + areas->step * offset) / 8);
    for (snd_pcm_uframes_t i = 0; i < size; i++)
        out[i] = sample(device, io->appl_ptr + i);
    int error = arm(device, io->appl_ptr + size);
    return error ? error : (snd_pcm_sframes_t)size;
}

static int sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
    device_t *device = io->private_data;
    return snd_pcm_sw_params_get_avail_min(params, &device->avail_min);
}

static int close_device(snd_pcm_ioplug_t *io)
{
    close(io->poll_fd);
    free(io->private_data);
    return 0;
}

static const snd_pcm_ioplug_callback_t CALLBACKS = {
    .start = start,
    .stop = stop,
    .pointer = pointer,
    .transfer = transfer,
    .sw_params = sw_params,
    .close = close_device,
};

static int constrain(snd_pcm_ioplug_t *io)
{
    static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
    static const unsigned format[] = {SND_PCM_FORMAT_S16_LE};
    int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
    if (!error)
        error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 1);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, RATE, RATE);
    return error;
}

static int create(device_t *device, const char *name, int mode)
{
    snd_pcm_ioplug_t *io = &device->io;
    io->version = SND_PCM_IOPLUG_VERSION;
    io->name = "dragoman clock";
    io->flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
    io->callback = &CALLBACKS;
    io->private_data = device;
    io->poll_events = POLLIN;
    device->nonblock = mode & SND_PCM_NONBLOCK; /* io->nonblock only knows later changes */
    io->poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (io->poll_fd < 0)
        return -errno;
    int error = snd_pcm_ioplug_create(io, name, SND_PCM_STREAM_CAPTURE, mode);
    return error ? error : constrain(io);
}

static int configure(device_t *device, snd_config_t *conf)
{
    snd_config_iterator_t i, next;
    snd_config_for_each(i, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        if (!snd_config_get_id(entry, &id) && !strcmp(id, "step"))
            return snd_config_get_integer(entry, &device->step);
    }
    return 0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(dragoman_clock)
{
    (void)root;
    if (stream != SND_PCM_STREAM_CAPTURE)
        return -EINVAL;
    device_t *device = calloc(1, sizeof *device);
    if (!device)
        return -ENOMEM;
    int error = configure(device, conf);
    if (!error)
        error = create(device, name, mode);
    if (error)
        free(device);
    else
        *pcmp = device->io.pcm;
    return error;
}

SND_PCM_PLUGIN_SYMBOL(dragoman_clock);
