using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace Cifar10Ps.Host;

/// <summary>What the engine knows as $Host.</summary>
internal sealed class ConsoleHost(ConsoleUserInterface ui) : PSHost
{
    public override string Name => "Cifar10Ps.Host";

    public override Version Version { get; } = typeof(ConsoleHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override PSHostUserInterface UI => ui;

    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;

    /// <summary>What the script gave to `exit`; null if it did not.</summary>
    public int? ExitCode { get; private set; }

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    public override void EnterNestedPrompt() => throw new PSNotSupportedException("A script host has no prompt to nest.");

    public override void ExitNestedPrompt() => throw new PSNotSupportedException("A script host has no prompt to nest.");

    public override void NotifyBeginApplication() => ui.PauseProgress();

    public override void NotifyEndApplication() => ui.ResumeProgress();
}
