"""The bundled sample: short film reviews that a seeded grammar writes, each tagged with what it probes."""
