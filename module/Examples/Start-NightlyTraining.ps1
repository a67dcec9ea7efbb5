<#
.SYNOPSIS
Trains a model unattended, and lets it through only if it is good enough: for cron, a systemd timer or the Task Scheduler.

.DESCRIPTION
Each run has its own folder in -OutputRoot, named after the day it began, with checkpoints, the model and nightly.log. A
run that was stopped, by a signal, a power failure or -MaxDuration, is resumed the next time, and a model that was not
judged is judged then. A run that cannot be resumed, because the data have changed, is abandoned. What is written to the
log is also written to the output.

The exit code is 0 for a model that passed, 1 for an error, 3 for a model that did not pass, 4 for a run that is not
finished.

.PARAMETER OutputRoot
The folder of all runs.

.PARAMETER Dataset
The data; CIFAR-10 by default.

.PARAMETER Epochs
Number of passes over the training images.

.PARAMETER MaxDuration
Time after which a run is left for the next night; by default a run is trained to its end.

.PARAMETER Threshold
The accuracy on the test images that the model must beat, 0 to 1.

.PARAMETER Pester
Runs the gate as the Pester tests in ModelQuality.Tests.ps1, which require more, and writes their report to gate.xml.

.EXAMPLE
pwsh -NoProfile -NonInteractive -File Start-NightlyTraining.ps1 -OutputRoot /var/lib/nightly -MaxDuration 6:00 -Pester

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Start-NightlyTraining.ps1 -OutputRoot nightly -Epochs 3 -Threshold 0.75
#>
[CmdletBinding()]
param(
    [string] $OutputRoot = 'nightly',
    [object] $Dataset,
    [int] $Epochs = 30,
    [object] $MaxDuration,
    [double] $Threshold = 0.91,
    [int] $Seed = 0,
    [switch] $Pester
)

$ErrorActionPreference = 'Stop'
$culture = [cultureinfo]::InvariantCulture
$log = $lock = $null
$exitCode = 1

function Write-Log([string] $Text) {
    $line = "$([datetime]::Now.ToString('s', $culture)) $Text"
    if ($log) { [IO.File]::AppendAllText($log, "$line`n") }
    $line | Out-Default
}

function Invoke-Training([hashtable] $Options) {
    if ($MaxDuration) { $Options.MaxDuration = $MaxDuration }
    $images = $Dataset.HasOwnValidation ? 'validation' : 'test'
    $Dataset | Start-ModelTraining @Options | ForEach-Object {
        Write-Log ([string]::Format($culture, 'Epoch {0}: loss {1:F4}, {2:P1} of the {3} images, {4:F0} images/s.',
                $_.Epoch, $_.Loss, $_.ValidationAccuracy, $images, $_.ImagesPerSecond))
    }
}

# Whether a run has nothing to resume, or its end is in its log.
function Test-Ended([string] $Folder) {
    ![IO.Directory]::GetFiles($Folder, 'checkpoint-*.safetensors') -or ([IO.File]::Exists("$Folder/nightly.log") -and
        [IO.File]::ReadAllText("$Folder/nightly.log") -match '(?m)^\S+ (Passed|Not good enough|Abandoned): ')
}

try {
    Import-Module Cifar10Ps
    $root = [IO.Directory]::CreateDirectory($ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($OutputRoot)).FullName
    # Held until the end: a second run would resume the same checkpoint.
    $lock = [IO.File]::Open("$root/lock", 'OpenOrCreate', 'ReadWrite', 'None')

    # The newest run that has not ended; otherwise a new one.
    $runs = [IO.Directory]::GetDirectories($root) -match '[\\/]\d{4}-\d\d-\d\d_\d{6}$'
    [Array]::Sort($runs, [StringComparer]::Ordinal)
    $folder = $runs | Where-Object { !(Test-Ended $_) } | Select-Object -Last 1
    $log = $folder ? "$folder/nightly.log" : "$root/nightly.log"
    # Now, not after hours of training.
    if ($Pester) { $null = Get-Command Invoke-Pester, New-PesterConfiguration }
    if (!$Dataset) { $Dataset = Get-Cifar10 }
    if ($folder) {
        Write-Log "Resuming '$folder'."
        try {
            Invoke-Training @{ ResumeFrom = $folder }
        } catch {
            if ($_.FullyQualifiedErrorId -notmatch '^(Checkpoint|InvalidCheckpoint|InvalidSafetensors|FileDamaged|TrainingDiverged|Class)') { throw }
            # It would fail every night from now on.
            Write-Log "Abandoned: $_"
            $folder = $null
        }
    }

    if (!$folder) {
        $folder = [IO.Directory]::CreateDirectory("$root/$([datetime]::Now.ToString('yyyy-MM-dd_HHmmss', $culture))").FullName
        $log = "$folder/nightly.log"
        Write-Log "Starting '$folder': $Epochs epochs of $Dataset."
        $model = New-ResNet20 -Classes $Dataset.Classes -Seed $Seed
        Invoke-Training @{ Model = $model; Epochs = $Epochs; Seed = $Seed; OutputDirectory = $folder }
    }

    if (![IO.File]::Exists("$folder/model.safetensors")) {
        Write-Log 'Not finished: the next run resumes it.'
        $exitCode = 4
    } else {
        if ($Pester) {
            $data = @{ Path = "$folder/model.safetensors"; Dataset = $Dataset; Threshold = $Threshold }
            $gate = Invoke-Pester -Configuration (New-PesterConfiguration -Hashtable @{
                Run        = @{ Container = New-PesterContainer -Path "$PSScriptRoot/ModelQuality.Tests.ps1" -Data $data; PassThru = $true }
                TestResult = @{ Enabled = $true; OutputPath = "$folder/gate.xml" }
                Output     = @{ Verbosity = 'Detailed' }
            })
            $passed = $gate.Result -eq 'Passed'
        } else {
            $accuracy = ($Dataset | Measure-Model -Model (Import-Model -LiteralPath "$folder/model.safetensors")).Accuracy
            $passed = $accuracy -gt $Threshold
            Write-Log ([string]::Format($culture, 'The model recognises {0:P2} of the test images.', $accuracy))
        }

        Write-Log "$($passed ? 'Passed' : 'Not good enough'): '$folder/model.safetensors'."
        $exitCode = $passed ? 0 : 3
    }
} catch {
    Write-Log "Failed: $_"
} finally {
    if ($lock) { $lock.Dispose() }
}

exit $exitCode
