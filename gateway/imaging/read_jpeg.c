/* jpeglib.h wants size_t and FILE to be known before it, jerror.h wants jpeglib.h. */
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "imaging/readers.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FORMAT JCS_EXT_BGRA
#else
#define FORMAT JCS_EXT_ARGB
#endif

/* A progressive file may repeat tiny scans without end; each costs a pass over the whole picture. */
#define SCANS_MAX      200
#define EXIF_SIGNATURE SPAN_LIT("Exif\0\0")

/* All that lives across a longjmp. libjpeg hands the three structs inside back to us as pointers,
 * each the first or a named member. */
struct jpeg_job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const struct picture_limits *limits;
    struct picture picture;
    enum errc rc;
    struct err *e;
};

static struct jpeg_job *job_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void give_up(j_common_ptr jpeg)
{
    struct jpeg_job *job = job_of(jpeg);
    char text[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, text);
    job->rc =
        jpeg->err->msg_code == JERR_OUT_OF_MEMORY
            ? err_set(job->e, ERR_CONTENT_TOO_LARGE, "The JPEG takes more memory than it is given.")
            : err_set(job->e, ERR_PICTURE_UNREADABLE, "The JPEG is damaged: %s.", text);
    longjmp(job->failed, 1);
}

static void stop(struct jpeg_job *job, enum errc rc)
{
    job->rc = rc;
    longjmp(job->failed, 1);
}

/* Warnings are what libjpeg can live with. Where data is missing it fills with grey; to us that is a
 * damaged file, unless only the mark of the end is missing. */
static void on_message(j_common_ptr jpeg, int level)
{
    const struct jpeg_job *job = job_of(jpeg);
    int code = jpeg->err->msg_code;
    bool is_whole =
        job->jpeg.output_height > 0 && job->jpeg.output_scanline >= job->jpeg.output_height;

    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) && !is_whole) {
        give_up(jpeg);
    }
}

static void on_progress(j_common_ptr jpeg)
{
    struct jpeg_job *job = job_of(jpeg);

    if (job->jpeg.input_scan_number > SCANS_MAX) {
        stop(job, err_set(job->e, ERR_PICTURE_UNREADABLE,
                          "The JPEG has more than %d scans, which no camera or program makes.",
                          SCANS_MAX));
    }
}

/* Adobe's programs write the four inks the other way round, and say so. */
static void convert_inks(const struct jpeg_job *job, uint32_t *row)
{
    const unsigned char *ink = (const unsigned char *)row;
    unsigned flip = job->jpeg.saw_Adobe_marker ? 0 : 255;

    for (JDIMENSION x = 0; x < job->jpeg.output_width; x++, ink += 4) {
        unsigned k = ink[3] ^ flip;
        unsigned r = (ink[0] ^ flip) * k / 255;
        unsigned g = (ink[1] ^ flip) * k / 255;
        unsigned b = (ink[2] ^ flip) * k / 255;

        row[x] = 0xff000000U | r << 16 | g << 8 | b;
    }
}

/* Decoding at a half, a quarter or an eighth costs less in time and memory, and averages well. */
static void choose_size(struct jpeg_job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    int64_t edge = jpeg->image_width > jpeg->image_height ? jpeg->image_width : jpeg->image_height;
    int64_t wanted = (int64_t)job->limits->edge_wanted * 2;

    jpeg->scale_num = 1;
    jpeg->scale_denom = 1;
    while (wanted > 0 && jpeg->scale_denom < 8 && edge / jpeg->scale_denom >= wanted * 2) {
        jpeg->scale_denom *= 2;
    }
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : FORMAT;
}

static int find_orientation(const struct jpeg_job *job)
{
    for (jpeg_saved_marker_ptr m = job->jpeg.marker_list; m != NULL; m = m->next) {
        struct span body = {(const char *)m->data, m->data_length};
        struct span signature = EXIF_SIGNATURE;

        if (body.len > signature.len && memcmp(body.ptr, signature.ptr, signature.len) == 0) {
            return exif_orientation(
                (struct span){body.ptr + signature.len, body.len - signature.len});
        }
    }
    return 1;
}

static void read_rows(struct jpeg_job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;

    while (jpeg->output_scanline < jpeg->output_height) {
        uint32_t *row = job->picture.pixel + (size_t)jpeg->output_scanline * jpeg->output_width;
        JSAMPROW rows[1] = {(JSAMPROW)row};

        (void)jpeg_read_scanlines(jpeg, rows, 1);
        if (jpeg->out_color_space == JCS_CMYK) {
            convert_inks(job, row);
        }
    }
}

static enum errc decode(struct jpeg_job *job, struct span file)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    enum errc rc = ERR_NONE;

    jpeg_create_decompress(jpeg);
    jpeg->client_data = job;
    jpeg->progress = &job->progress;
    jpeg_mem_src(jpeg, (const unsigned char *)file.ptr, file.len);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(jpeg, TRUE);
    rc = picture_check_size(jpeg->image_width, jpeg->image_height, job->limits->max_pixels, job->e);
    if (rc != ERR_NONE) {
        return rc;
    }
    choose_size(job);
    (void)jpeg_start_decompress(jpeg);
    rc = picture_init(&job->picture, (int)jpeg->output_width, (int)jpeg->output_height, job->e);
    if (rc != ERR_NONE) {
        return rc;
    }
    read_rows(job);
    rc = picture_orient(&job->picture, find_orientation(job), job->e);
    if (rc == ERR_NONE) {
        (void)jpeg_finish_decompress(jpeg);
    }
    return rc;
}

enum errc read_jpeg(struct span file, const struct picture_limits *limits, struct picture *out,
                    struct err *e)
{
    struct jpeg_job job = {.limits = limits, .e = e, .progress.progress_monitor = on_progress};

    job.jpeg.err = jpeg_std_error(&job.errors);
    job.jpeg.client_data = &job;
    job.errors.error_exit = give_up;
    job.errors.emit_message = on_message;
    if (setjmp(job.failed) == 0) {
        job.rc = decode(&job, file);
    }
    jpeg_destroy_decompress(&job.jpeg);
    if (job.rc != ERR_NONE) {
        picture_clear(&job.picture);
        return job.rc;
    }
    *out = job.picture;
    return ERR_NONE;
}
