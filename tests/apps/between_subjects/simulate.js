for (const page of ["Gain", "Loss", "Reminder", "Thanks"]) {
    uproot.simulate.on(`between_subjects/${page}`, (sim) => sim.submit());
}

uproot.simulate.on("between_subjects/LossQuiz", (sim) => sim.choose("lost", "nothing").submit());

uproot.simulate.on("between_subjects/Give", (sim) => {
    sim.fill("give", document.querySelector(".reminder") ? 7.5 : 5).submit();
});
