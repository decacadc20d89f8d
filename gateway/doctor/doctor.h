/* doctor.h - `comfygate doctor`: says in plain words what is wrong with a set-up, and what to do.
 *
 * Takes the settings that serve takes, works beside a gateway that runs or without one, and changes nothing. It looks at
 * what serve will meet on this machine, as this user; it submits no job.
 */
#ifndef CG_DOCTOR_DOCTOR_H
#define CG_DOCTOR_DOCTOR_H

/* argv holds what follows the verb. Returns the exit code: 0 all is well, or there are warnings only; 1 something is
 * wrong; 2 the command line cannot be understood. */
int doctor_command(int argc, char **argv);

#endif
