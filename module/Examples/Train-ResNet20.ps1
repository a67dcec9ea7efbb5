<#
.SYNOPSIS
Trains a ResNet-20 on CIFAR-10 and shows some guesses.

.DESCRIPTION
Takes the real CIFAR-10 from $env:CIFAR10PS_DATA, the cache, or the network. If there is none, it says so and
continues with a small synthetic data set. Prints a row for each epoch, then the five best guesses for some test images.

.PARAMETER Epochs
Number of passes over the training images.

.PARAMETER OutputDirectory
Folder for checkpoints, the log and the model; by default nothing is saved. A run that was stopped there is resumed.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Train-ResNet20.ps1 -Epochs 3
#>
[CmdletBinding()]
param(
    [int] $Epochs = 10,
    [string] $OutputDirectory,
    [int] $Seed = 0
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

try {
    $cifar = Get-Cifar10
} catch {
    Write-Warning "CIFAR-10 is not available: $_"
    Write-Warning 'Continuing with a synthetic data set.'
    $cifar = Get-Cifar10 -Synthetic
}

# Each part is displayed separately: in one stream, PowerShell only gives the first type its table.
$cifar | Out-Default

$model = New-ResNet20 -Seed $Seed
$options = @{ Model = $model; Epochs = $Epochs; Seed = $Seed }
if ($OutputDirectory) {
    $options.OutputDirectory = $OutputDirectory
    if (Test-Path "$([WildcardPattern]::Escape($OutputDirectory))/checkpoint-*.safetensors") { $options.ResumeFrom = $OutputDirectory }
}

$cifar | Start-ModelTraining @options | Out-Default

$predictions = $cifar.Test[0..4] | Invoke-Inference -Model $model -Top 5
$predictions | Out-Default
"The five best guesses for test image 0, which shows: $($predictions[0].LabelName)" | Out-Default
$predictions[0].Top | Out-Default
